use super::*;
use crate::call::Layout;

fn own() -> Memory {
    Memory::open(std::process::id()).unwrap()
}

fn address<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).addr() as u64
}

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

#[test]
fn memory_is_read_and_written_and_faults_are_told() {
    let memory = own();
    let words = [1_u32, 2, 3];
    assert_eq!(memory.read_word(address(&words) + 4).unwrap(), 2);
    let target = std::hint::black_box(Box::new([0_u8; 8]));
    memory.write(address(&*target) + 2, b"abc").unwrap();
    assert_eq!(*std::hint::black_box(target), [0, 0, b'a', b'b', b'c', 0, 0, 0]);
    for at in [0, 4096, u64::MAX - 1, 1 << 63, 0x7fff_ffff_f000] {
        assert_eq!(errno(memory.read_word(at)), libc::EFAULT, "{at:#x}");
        assert_eq!(errno(memory.write(at, &[0])), libc::EFAULT, "{at:#x}");
    }
    assert_eq!(Memory::open(0x3fff_fff0).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_message_of_either_width_is_read_and_filled() {
    let memory = own();
    let mut one = [0_u8; 3];
    let mut two = [0_u8; 4];
    let wide_parts =
        [one.as_mut_ptr().expose_provenance() as u64, 3, two.as_mut_ptr().expose_provenance() as u64, 4];
    let mut wide: [u64; 7] = [100, 12, address(&wide_parts), 2, 200, 64, 0];
    let at = wide.as_mut_ptr().expose_provenance() as u64;
    let message = Message::read(&memory, at, Layout::Wide).unwrap();
    assert_eq!(message.name, Space { at: 100, length: 12 });
    assert_eq!(message.control, Space { at: 200, length: 64 });
    assert_eq!((message.parts.len(), message.room()), (2, 7));
    message.write_data(&memory, b"abcde").unwrap();
    message.write_name_length(&memory, 0).unwrap();
    message.write_outcome(&memory, 32, 0x20).unwrap();
    let read = |at: u64, length: usize| {
        let mut bytes = vec![0; length];
        memory.read(at, &mut bytes).unwrap();
        bytes
    };
    assert_eq!((read(wide_parts[0], 3), read(wide_parts[2], 4)), (b"abc".to_vec(), b"de\0\0".to_vec()));
    assert_eq!(memory.read_word(at + 8).unwrap(), 0);
    assert_eq!((read(at + 40, 8), memory.read_word(at + 48).unwrap()), (vec![32, 0, 0, 0, 0, 0, 0, 0], 0x20));

    // Pointers of 32 bits cannot name this test's memory, so only the structure itself is looked at.
    let mut narrow: [u32; 7] = [100, 12, 0, 0, 200, 64, 0];
    let at = narrow.as_mut_ptr().expose_provenance() as u64;
    let message = Message::read(&memory, at, Layout::Narrow).unwrap();
    assert_eq!(
        (message.name, message.control),
        (Space { at: 100, length: 12 }, Space { at: 200, length: 64 })
    );
    message.write_outcome(&memory, 24, 8).unwrap();
    message.write_name_length(&memory, 12).unwrap();
    assert_eq!([4, 20, 24].map(|offset| memory.read_word(at + offset).unwrap()), [12, 24, 8]);
}

#[test]
fn impossible_messages_get_the_kernels_errors() {
    let memory = own();
    let parse = |words: &[u64; 7]| Message::read(&memory, address(words), Layout::Wide);
    assert_eq!(errno(parse(&[1, u64::from(u32::MAX), 0, 0, 0, 0, 0])), libc::EINVAL);
    assert_eq!(parse(&[0, u64::from(u32::MAX), 0, 0, 0, 0, 0]).unwrap().name.at, 0, "no name, no length");
    assert_eq!(errno(parse(&[0, 0, 0, 1025, 0, 0, 0])), libc::EMSGSIZE);
    assert_eq!(errno(parse(&[0, 0, 0, 1, 0, 0, 0])), libc::EFAULT);
    assert_eq!(errno(parse(&[0, 0, u64::MAX - 4, 2, 0, 0, 0])), libc::EFAULT);
    assert_eq!(errno(Message::read(&memory, u64::MAX - 3, Layout::Wide)), libc::EFAULT);
    let endless = parse(&[0, 0, address(&[8_u64, u64::MAX, 8, u64::MAX]), 2, 0, 0, 0]).unwrap();
    assert_eq!(endless.room(), u64::MAX);
    assert!(!endless.is_plausible());
    for (at, length, plausible) in
        [(8_u64, 8_u64, true), (8, 1 << 63, false), (0xffff_8000_0000_0000, 1, false), (1 << 47, 0, true)]
    {
        let message = parse(&[0, 0, address(&[at, length]), 1, 0, 0, 0]).unwrap();
        assert_eq!(message.is_plausible(), plausible, "{at:#x} {length:#x}");
    }
}
