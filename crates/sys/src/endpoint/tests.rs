use super::*;
use crate::testing::{self, drop_capability, eventually, flags_of, fork, last_errno, wait};
use rustix::io::IoSlice;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::thread;

const NET_ADMIN: u32 = 12;

/// What `recvfrom` tells a client: the message's length, and the sender's address.
fn received_by_client(client: &OwnedFd) -> (usize, Vec<u8>) {
    let mut buffer = [0_u8; 64];
    let mut address = [0xaa_u8; 128];
    let mut length = 128;
    // SAFETY: both buffers are live and as long as the call is told.
    let received = unsafe {
        libc::recvfrom(
            client.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
            address.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (usize::try_from(received).unwrap(), address[..length as usize].to_vec())
}

#[test]
fn clients_see_a_twelve_byte_address_with_port_id_zero() {
    let pair = testing::endpoint_pair(false);
    assert_eq!(send(&pair.server, b"hello", SentBy::Supervisor).unwrap(), Sent::Sent);
    let (length, address) = received_by_client(&pair.client);
    assert_eq!((length, address.len()), (5, 12));
    assert_eq!(address[..3], [1, 0, 0], "family AF_UNIX, abstract name");
    assert_eq!(address[4..8], [0; 4], "port id");
}

#[test]
fn many_pairs_have_different_names() {
    let pairs: Vec<EndpointPair> = (0..500).map(|_| testing::endpoint_pair(true)).collect();
    let names: HashSet<Vec<u8>> = pairs
        .iter()
        .map(|pair| {
            send(&pair.server, b"x", SentBy::Supervisor).unwrap();
            received_by_client(&pair.client).1
        })
        .collect();
    assert_eq!(names.len(), 500);
}

#[test]
fn a_name_is_random_in_padding_and_groups_only() {
    assert_eq!(abstract_name([1, 2, 3, 4, 5]), [1, 0, 0, 0, 0, 2, 3, 4, 5]);
}

#[test]
fn nobody_can_connect_to_the_name() {
    let pair = testing::endpoint_pair(false);
    send(&pair.server, b"x", SentBy::Supervisor).unwrap();
    let (_, address) = received_by_client(&pair.client);
    let name = SocketAddrUnix::new_abstract_name(&address[3..]).unwrap();
    let stranger =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .unwrap();
    assert_eq!(rustix::net::connect(&stranger, &name), Err(Errno::CONNREFUSED));
}

#[test]
fn messages_carry_the_senders_ids() {
    let pair = testing::endpoint_pair(false);
    let child = fork(|| i32::from(rustix::io::write(&pair.client, b"from the child").is_err()));
    assert_eq!(wait(child), 0);
    let own = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut buffer = [0; 64];
    let credentials = Credentials { pid: child, uid: own.0, gid: own.1 };
    let expected = Received::Message { length: 14, truncated: false, credentials };
    assert_eq!(receive(&pair.server, &mut buffer).unwrap(), expected);
    assert_eq!(&buffer[..14], b"from the child");
}

#[test]
fn an_empty_message_is_no_end_and_the_end_is_no_message() {
    let pair = testing::endpoint_pair(false);
    let mut buffer = [0; 64];
    assert_eq!(receive(&pair.server, &mut buffer).unwrap(), Received::WouldBlock);
    rustix::net::send(&pair.client, b"", SendFlags::empty()).unwrap();
    let received = receive(&pair.server, &mut buffer).unwrap();
    assert!(matches!(received, Received::Message { length: 0, truncated: false, .. }), "{received:?}");
    let server = pair.server;
    drop(pair.client);
    // A test that forks at this moment holds a copy for a while.
    eventually("end", || receive(&server, &mut buffer).unwrap() == Received::Closed);
    assert_eq!(send(&server, b"late", SentBy::Supervisor).unwrap(), Sent::Closed);
}

#[test]
fn a_message_before_the_end_is_still_delivered() {
    let pair = testing::endpoint_pair(false);
    rustix::io::write(&pair.client, b"last words").unwrap();
    let server = pair.server;
    drop(pair.client);
    let mut buffer = [0; 64];
    assert!(matches!(receive(&server, &mut buffer).unwrap(), Received::Message { length: 10, .. }));
    eventually("end", || receive(&server, &mut buffer).unwrap() == Received::Closed);
}

#[test]
fn an_end_with_unread_answers_is_an_end() {
    let pair = testing::endpoint_pair(false);
    send(&pair.server, b"never read", SentBy::Supervisor).unwrap();
    let server = pair.server;
    drop(pair.client);
    let mut buffer = [0; 64];
    eventually("end", || receive(&server, &mut buffer).unwrap() == Received::Closed);
}

#[test]
fn long_messages_tell_their_real_length() {
    let pair = testing::endpoint_pair(false);
    let sent = [b'x'; 9000];
    rustix::io::write(&pair.client, &sent).unwrap();
    rustix::io::write(&pair.client, b"next").unwrap();
    let mut buffer = [0; 8970];
    let received = receive(&pair.server, &mut buffer).unwrap();
    assert!(matches!(received, Received::Message { length: 9000, truncated: true, .. }), "{received:?}");
    let received = receive(&pair.server, &mut buffer).unwrap();
    assert!(matches!(received, Received::Message { length: 4, truncated: false, .. }), "{received:?}");
}

/// Sends a message with 20 copies of a descriptor.
fn send_with_descriptors(client: &OwnedFd, descriptor: &OwnedFd) -> rustix::io::Result<usize> {
    let many = [descriptor.as_fd(); 20];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(20))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&many)));
    sendmsg(client, &[IoSlice::new(b"gift")], &mut control, SendFlags::empty())
}

/// What older kernels do of their own accord.
fn accept_descriptors(server: &OwnedFd) {
    let (on, length) = (1_i32, 4);
    let value = (&raw const on).cast();
    // SAFETY: the value is a live integer of the length given. A kernel that does not know the option accepts anyway.
    unsafe { libc::setsockopt(server.as_raw_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS, value, length) };
}

#[test]
fn attached_descriptors_are_refused_where_the_kernel_can() {
    let pair = testing::endpoint_pair(false);
    let (_reader, writer) = rustix::pipe::pipe().unwrap();
    let sent = send_with_descriptors(&pair.client, &writer);
    assert_eq!(sent, if pair.refuses_descriptors { Err(Errno::PERM) } else { Ok(4) });
}

#[test]
fn attached_descriptors_are_noticed_before_they_arrive_and_never_become_ours() {
    let pair = testing::endpoint_pair(false);
    accept_descriptors(&pair.server);
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    assert!(!carries_descriptors(&pair.server), "nothing waits");
    rustix::io::write(&pair.client, b"plain").unwrap();
    send_with_descriptors(&pair.client, &writer).unwrap();
    drop(writer);
    let mut buffer = [0; 16];
    assert!(!carries_descriptors(&pair.server));
    assert!(matches!(receive(&pair.server, &mut buffer).unwrap(), Received::Message { length: 5, .. }));
    assert!(carries_descriptors(&pair.server));
    let received = receive(&pair.server, &mut buffer).unwrap();
    assert!(
        matches!(received, Received::Message { length: 4, truncated: false, credentials }
            if credentials.pid == std::process::id()),
        "{received:?}"
    );
    drop(pair.client);
    assert!(!carries_descriptors(&pair.server), "the end");
    // The pipe ends only when no process holds its writing end.
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    eventually("end of the pipe", || rustix::io::read(&reader, &mut buffer) == Ok(0));
}

#[test]
fn what_was_sent_before_a_close_with_answers_unread_still_arrives() {
    let pair = testing::endpoint_pair(false);
    send(&pair.server, b"an answer", SentBy::Supervisor).unwrap();
    rustix::io::write(&pair.client, b"one").unwrap();
    rustix::io::write(&pair.client, b"two").unwrap();
    drop(pair.client);
    let mut buffer = [0; 16];
    for _ in 0..2 {
        let received = receive(&pair.server, &mut buffer).unwrap();
        assert!(matches!(received, Received::Message { length: 3, .. }), "{received:?}");
    }
    eventually("end", || receive(&pair.server, &mut buffer).unwrap() == Received::Closed);
}

/// Messages of a length that fit before the other end reads any.
fn room(server: &OwnedFd, length: usize) -> usize {
    let message = vec![b'r'; length];
    let mut queued = 0;
    while send(server, &message, SentBy::Supervisor).unwrap() == Sent::Sent {
        queued += 1;
        assert!(queued < 1_000_000, "no bound");
    }
    queued
}

#[test]
fn a_raised_buffer_holds_thousands_of_records_and_a_lowered_one_few() {
    let pairs: Vec<EndpointPair> = (0..3).map(|_| testing::endpoint_pair(false)).collect();
    raise_send_buffer(&pairs[1].server).unwrap();
    lower_send_buffer(&pairs[2].server).unwrap();
    let [plain, raised, lowered] = [0, 1, 2].map(|at: usize| room(&pairs[at].server, 300));
    assert!(raised >= 2000 && plain < raised && lowered < plain, "{raised} {plain} {lowered}");
    assert!((16..=128).contains(&lowered), "{lowered}");
    let (length, _) = received_by_client(&pairs[1].client);
    assert_eq!(length, 64);
}

#[test]
fn several_of_the_longest_messages_fit_at_once() {
    let pair = testing::endpoint_pair(false);
    for _ in 0..10 {
        assert_eq!(send(&pair.server, &[b'm'; 8970], SentBy::Supervisor).unwrap(), Sent::Sent);
    }
    let error = send(&pair.server, &vec![0; 3 * RAISED_SEND_BUFFER], SentBy::Supervisor).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
}

#[test]
fn the_clients_limit_is_the_systems() {
    let default: usize =
        std::fs::read_to_string("/proc/sys/net/core/wmem_default").unwrap().trim().parse().unwrap();
    let pair = testing::endpoint_pair(true);
    let message = vec![0; default - 31];
    let too_long = rustix::net::send(&pair.client, &message, SendFlags::empty());
    assert_eq!(too_long, Err(Errno::MSGSIZE));
    // The kernel charges more than the bytes, so what fits is a little less than the limit.
    let fits = rustix::net::send(&pair.client, &message[..default - 1024], SendFlags::empty());
    assert_eq!(fits, Ok(default - 1024));
}

#[test]
fn without_privileges_the_buffer_is_as_large_as_permitted() {
    let limit: usize =
        std::fs::read_to_string("/proc/sys/net/core/wmem_max").unwrap().trim().parse().unwrap();
    let in_thread = thread::spawn(|| {
        drop_capability(NET_ADMIN);
        let pair = testing::endpoint_pair(false);
        raise_send_buffer(&pair.server).unwrap();
        sockopt::socket_send_buffer_size(&pair.server).unwrap()
    });
    assert_eq!(in_thread.join().unwrap(), 2 * limit.min(RAISED_SEND_BUFFER));
}

#[test]
fn sending_to_nobody_is_no_signal() {
    let pair = testing::endpoint_pair(false);
    let server = pair.server;
    drop(pair.client);
    eventually("end", || receive(&server, &mut []).unwrap() == Received::Closed);
    let child = fork(|| {
        // SAFETY: the default disposition runs no code of this process.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        match send(&server, b"x", SentBy::Supervisor) {
            Ok(Sent::Closed) => 0,
            Ok(_) => 1,
            Err(_) => last_errno(),
        }
    });
    assert_eq!(wait(child), 0);
}

#[test]
fn what_the_member_has_not_received_is_seen() {
    let pair = testing::endpoint_pair(true);
    assert!(!has_unread(&pair.server));
    rustix::io::write(&pair.client, b"from the member").unwrap();
    assert!(!has_unread(&pair.server));
    assert_eq!(send(&pair.server, b"one", SentBy::Supervisor).unwrap(), Sent::Sent);
    assert_eq!(send(&pair.server, b"two", SentBy::Supervisor).unwrap(), Sent::Sent);
    let mut buffer = [0; 8];
    let peek = rustix::net::RecvFlags::PEEK;
    assert!(rustix::net::recv(&pair.client, &mut buffer, peek).is_ok() && has_unread(&pair.server));
    assert_eq!(rustix::io::read(&pair.client, &mut buffer), Ok(3));
    assert!(has_unread(&pair.server));
    assert_eq!(rustix::io::read(&pair.client, &mut buffer), Ok(3));
    assert!(!has_unread(&pair.server));
}

/// `SO_PASSPIDFD` and `SO_PEERPIDFD`.
const HANDLES: [libc::c_int; 2] = [76, 77];

/// A handle of the pair's maker, as the member gets it.
fn handle_of_peer(client: &OwnedFd) -> Result<libc::c_int, i32> {
    let (mut handle, mut length): (libc::c_int, libc::socklen_t) = (-1, 4);
    let value = (&raw mut handle).cast();
    // SAFETY: the value has room for the four bytes that the length says.
    let got =
        unsafe { libc::getsockopt(client.as_raw_fd(), libc::SOL_SOCKET, HANDLES[1], value, &raw mut length) };
    if got == 0 { Ok(handle) } else { Err(last_errno()) }
}

/// The process of a pidfd; 0 or less once it has ended.
fn process_of(handle: libc::c_int) -> i32 {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{handle}")).unwrap();
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap();
    pid.trim().parse().unwrap()
}

#[test]
fn nothing_about_an_end_leads_to_this_process() {
    let own = std::process::id().cast_signed();
    let endpoints = Endpoints::new();
    let SentBy::Nobody(nobody) = endpoints.sent_by() else {
        eprintln!("only half was tried: naming another sender needs CAP_SYS_ADMIN");
        return;
    };
    assert_ne!(nobody, own);
    let pair = endpoints.make(1).unwrap().remove(0);
    if let Ok(handle) = handle_of_peer(&pair.client) {
        assert_ne!(process_of(handle), own);
    }
    let on: libc::c_int = 1;
    let value = (&raw const on).cast();
    // SAFETY: the value is a live integer of the length given.
    let set = unsafe { libc::setsockopt(pair.client.as_raw_fd(), libc::SOL_SOCKET, HANDLES[0], value, 4) };
    if set != 0 {
        return;
    }
    send(&pair.server, b"x", pair.sent_by).unwrap();
    let mut control = [0_u32; 16];
    let mut byte = [0_u8; 1];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: msghdr is a C structure of integers and pointers, for which all zeros is a valid value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: every pointer in the header describes a live buffer of the length beside it.
    assert_eq!(unsafe { libc::recvmsg(pair.client.as_raw_fd(), &raw mut message, 0) }, 1);
    // A control message of length 20 whose data are the descriptor.
    assert_eq!(control[0], 20);
    assert!(process_of(control[4].cast_signed()) != own);
}

#[test]
fn pairs_are_made_by_a_process_that_has_ended() {
    let pairs = Endpoints::new().make(Endpoints::AT_A_TIME).unwrap();
    assert_eq!(pairs.len(), Endpoints::AT_A_TIME);
    for pair in &pairs {
        pair.set_nonblocking().unwrap();
        assert_eq!(pair.inode, descriptors::inode(&pair.client).unwrap());
        let maker = rustix::net::sockopt::socket_peercred(&pair.client).unwrap().pid;
        assert_ne!(maker.as_raw_nonzero().get(), std::process::id().cast_signed());
        assert!(std::fs::metadata(format!("/proc/{}", maker.as_raw_nonzero())).is_err());
        assert!(flags_of(&pair.client).0 && flags_of(&pair.server).0, "closed on exec");
    }
}

#[test]
fn pairs_belong_to_a_network_namespace_where_nothing_is() {
    let endpoints = Endpoints::new();
    if endpoints.network.is_none() {
        eprintln!("nothing was tried: a network namespace needs CAP_SYS_ADMIN");
        return;
    }
    let pair = endpoints.make(1).unwrap().remove(0);
    for end in [&pair.client, &pair.server] {
        // SAFETY: SIOCGSKNS takes no argument and returns a descriptor.
        let network = unsafe { libc::ioctl(end.as_raw_fd(), 0x894c) };
        assert!(network >= 0);
        let of_socket = std::fs::metadata(format!("/proc/self/fd/{network}")).unwrap();
        let own = std::fs::metadata("/proc/self/ns/net").unwrap();
        let inode = |data: &std::fs::Metadata| std::os::unix::fs::MetadataExt::ino(data);
        assert_ne!(inode(&of_socket), inode(&own));
    }
}
