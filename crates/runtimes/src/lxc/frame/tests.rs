use super::*;
use proptest::prelude::*;

const ID: u64 = 0x1122_3344_5566_7788;

fn message(lengths: [u16; 3], cookie: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&7_i32.to_ne_bytes());
    bytes.extend_from_slice(&8_i32.to_ne_bytes());
    for length in lengths {
        bytes.extend_from_slice(&length.to_ne_bytes());
    }
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&(cookie.len() as u64).to_ne_bytes());
    let call = bytes.len();
    bytes.extend_from_slice(&ID.to_ne_bytes());
    bytes.resize(call + usize::from(lengths[0]), 0xaa);
    bytes.resize(call + usize::from(lengths[0]) + usize::from(lengths[1]), 0);
    bytes.extend_from_slice(cookie);
    bytes
}

#[test]
fn a_message_of_todays_lxc_is_read_and_answered_with_136_bytes() {
    let bytes = message([80, 24, 64], b"web");
    assert_eq!(bytes.len(), 139);
    let frame = Frame::parse(&bytes).unwrap();
    assert_eq!((frame.monitor_pid(), frame.init_pid(), frame.cookie()), (7, 8, &b"web"[..]));
    assert_eq!(frame.call(), &bytes[32..112]);
    let answer = frame.answer(Answer { value: 850, error: -93, flags: 1 });
    assert_eq!(answer.len(), 136);
    assert_eq!(answer[..112], bytes[..112]);
    assert_eq!(answer[112..120], ID.to_ne_bytes());
    assert_eq!(answer[120..128], 850_i64.to_ne_bytes());
    assert_eq!(answer[128..132], (-93_i32).to_ne_bytes());
    assert_eq!(answer[132..136], 1_u32.to_ne_bytes());
}

#[test]
fn longer_structures_of_a_newer_kernel_are_given_back_as_long() {
    let frame = Frame::parse(&message([96, 40, 72], b"")).unwrap();
    let answer = frame.answer(Answer::default());
    assert_eq!((answer.len(), frame.call().len(), frame.cookie()), (32 + 96 + 40, 96, &b""[..]));
    assert_eq!(answer[32 + 96..][..8], ID.to_ne_bytes());
    assert!(answer[32 + 96 + 8..].iter().all(|byte| *byte == 0));
}

#[test]
fn bounds_hold() {
    let refused = |bytes: &[u8]| Frame::parse(bytes).unwrap_err();
    let longest = message([512, 512, 512], &[b'c'; COOKIE_MAX]);
    assert_eq!(longest.len(), Frame::LENGTH_MAX);
    assert!(Frame::parse(&longest).is_ok());
    for lengths in [[79, 24, 64], [80, 23, 64], [80, 24, 63], [513, 24, 64], [80, 513, 64], [80, 24, 513]] {
        assert_eq!(refused(&message(lengths, b"")), FrameError::Lengths(lengths));
    }
    assert_eq!(refused(&message([80, 24, 64], &[b'c'; 65])), FrameError::Cookie(65));
    let mut bytes = message([80, 24, 64], b"web");
    bytes[24..32].copy_from_slice(&u64::MAX.to_ne_bytes());
    assert_eq!(refused(&bytes), FrameError::Cookie(u64::MAX));
    for (length, expected) in [(0, 0), (31, 0), (32, 139), (138, 139)] {
        let error = match expected {
            0 => FrameError::NoHeader(length),
            expected => FrameError::Length { expected, found: length },
        };
        assert_eq!(refused(&message([80, 24, 64], b"web")[..length]), error);
    }
    let mut bytes = message([80, 24, 64], b"web");
    bytes.push(0);
    assert_eq!(refused(&bytes), FrameError::Length { expected: 139, found: 140 });
    for (at, pid) in [(8, 0), (8, -1), (12, 0), (12, i32::MIN)] {
        let mut bytes = message([80, 24, 64], b"");
        bytes[at..at + 4].copy_from_slice(&pid.to_ne_bytes());
        assert_eq!(refused(&bytes), FrameError::Process(pid));
    }
    let mut bytes = message([80, 24, 64], b"");
    bytes[0] = 1;
    assert!(matches!(refused(&bytes), FrameError::Reserved(_)));
}

/// What holds of whatever is taken.
fn check(bytes: &[u8]) -> bool {
    let Ok(frame) = Frame::parse(bytes) else { return false };
    assert!(bytes.len() <= Frame::LENGTH_MAX && frame.call().len() >= 80);
    assert!(frame.monitor_pid() != 0 && frame.init_pid() != 0);
    assert!(frame.cookie().len() <= COOKIE_MAX && bytes.ends_with(frame.cookie()));
    let answer = frame.answer(Answer { value: -1, error: -4095, flags: u32::MAX });
    assert_eq!(answer.len(), bytes.len() - frame.cookie().len());
    assert_eq!(answer[..32 + frame.call().len()], bytes[..32 + frame.call().len()]);
    true
}

/// Changes some bytes of a good message: xorshift.
#[test]
fn changed_messages_are_taken_whole_or_refused() {
    let (mut seed, mut taken) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap() % below
    };
    let good = message([80, 24, 64], b"cookie");
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            bytes[at] = u8::try_from(next(256)).unwrap();
        }
        if next(4) == 0 {
            bytes.truncate(next(bytes.len() + 1));
        }
        taken += usize::from(check(&bytes));
    }
    assert!((1000..19_000).contains(&taken), "{taken} were taken");
}

proptest! {
    #[test]
    fn any_bytes_are_taken_whole_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        check(&bytes);
    }

    #[test]
    fn any_lengths_and_cookies(
        call in 70_u16..520,
        answer in 20_u16..520,
        data in 60_u16..520,
        cookie in proptest::collection::vec(any::<u8>(), 0..70),
    ) {
        let bytes = message([call, answer, data], &cookie);
        let fits = (80..=512).contains(&call) && (24..=512).contains(&answer) && (64..=512).contains(&data);
        prop_assert_eq!(check(&bytes), fits && cookie.len() <= COOKIE_MAX);
    }
}
