//! An audit socket as netlink-sys shows it: bound and unbound, connected, with every option of the crate; then a
//! registration and a multicast listener.

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_AUDIT};
use std::io;
use std::time::{Duration, Instant};

const ERROR: u16 = 2;
const DONE: u16 = 3;
const GET: u16 = 1000;
const SET: u16 = 1001;
const USER: u16 = 1005;
const LIST_RULES: u16 = 1013;
const READLOG: u32 = 1;

/// A message with `NLM_F_REQUEST` and `NLM_F_ACK`.
fn request(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut message = u32::try_from(16 + payload.len()).expect("messages are short").to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(5_u16.to_ne_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(payload);
    message
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn kind(datagram: &[u8]) -> u16 {
    u16::from_ne_bytes([datagram[4], datagram[5]])
}

fn kernel() -> SocketAddr {
    SocketAddr::new(0, 0)
}

/// The next datagram that is no record.
fn reply(socket: &Socket) -> io::Result<Vec<u8>> {
    loop {
        let (datagram, from) = socket.recv_from_full()?;
        assert_eq!(from.port_number(), 0, "a datagram that is not the kernel's");
        if kind(&datagram) < 1100 && kind(&datagram) != USER {
            return Ok(datagram);
        }
    }
}

fn acknowledged(socket: &Socket, kind_: u16, payload: &[u8]) -> io::Result<()> {
    socket.send_to(&request(kind_, payload), &kernel(), 0)?;
    let answer = reply(socket)?;
    assert_eq!((kind(&answer), word(&answer, 16)), (ERROR, 0), "request {kind_}");
    Ok(())
}

fn own(port: u32) -> &'static str {
    match port {
        0 => "none",
        port if port == std::process::id() => "own",
        _ => "another",
    }
}

fn names() -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_AUDIT)?;
    let mut name = SocketAddr::new(1, 1);
    socket.get_address(&mut name)?;
    println!("unbound: port {}, groups {}", own(name.port_number()), name.multicast_groups());
    println!("bound: port {}", own(socket.bind_auto()?.port_number()));
    println!("bound again: {}", socket.bind_auto().is_err());
    socket.connect(&kernel())?;
    socket.send(&request(GET, &[]), 0)?;
    let mut buffer = Vec::with_capacity(8192);
    let length = socket.recv(&mut buffer, 0)?;
    println!("connected: {length} bytes of type {}", kind(&buffer));
    buffer.clear();
    let (length, from) = socket.recv_from(&mut buffer, 0)?;
    println!("then: {length} bytes of type {} from port {}", kind(&buffer), from.port_number());
    Ok(())
}

fn options() -> io::Result<()> {
    let socket = Socket::new(NETLINK_AUDIT)?;
    socket.set_pktinfo(true)?;
    socket.set_broadcast_error(true)?;
    socket.set_no_enobufs(true)?;
    socket.set_listen_all_namespaces(true)?;
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    socket.set_netlink_get_strict_chk(true)?;
    let set = [
        socket.get_pktinfo()?,
        socket.get_broadcast_error()?,
        socket.get_no_enobufs()?,
        socket.get_listen_all_namespaces()?,
        socket.get_cap_ack()?,
        socket.get_ext_ack()?,
    ];
    println!("options: {set:?}");
    socket.set_rx_buf_sz(65536_i32)?;
    println!("receive buffer: {}", socket.get_rx_buf_sz()?);
    // With the option set an error comes without the request that it is about.
    socket.send_to(&request(1007, &[0; 64]), &kernel(), 0)?;
    println!("capped error: {} bytes", reply(&socket)?.len());
    socket.set_cap_ack(false)?;
    socket.send_to(&request(1007, &[0; 64]), &kernel(), 0)?;
    println!("error with its request: {} bytes", reply(&socket)?.len());
    socket.set_non_blocking(true)?;
    let nothing = socket.recv_from_full().expect_err("nothing was asked");
    println!("nothing left: {:?}", nothing.kind());
    Ok(())
}

fn rules() -> io::Result<()> {
    let socket = Socket::new(NETLINK_AUDIT)?;
    acknowledged(&socket, LIST_RULES, &[])?;
    let mut count = 0;
    while kind(&reply(&socket)?) != DONE {
        count += 1;
    }
    println!("rules: {count}");
    Ok(())
}

/// Waits for the record that holds `mark`; others come from elsewhere on the machine.
fn wait_for_record(socket: &Socket, mark: &str) -> io::Result<()> {
    socket.set_non_blocking(true)?;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let (datagram, from) = match socket.recv_from_full() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            received => received?,
        };
        let text = String::from_utf8_lossy(&datagram[16..]).into_owned();
        if let Some(at) = text.find(&format!("msg='{mark}")) {
            let sender = text.contains(&format!("): pid={} ", std::process::id()));
            println!(
                "record {}: of this process {sender}, port {}, {}",
                kind(&datagram),
                from.port_number(),
                &text[at..]
            );
            return Ok(());
        }
    }
}

fn records() -> io::Result<()> {
    let status = |pid: u32| -> Vec<u8> {
        [4, 0, 0, pid, 0, 0, 0, 0, 0, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect()
    };
    let (daemon, sender) = (Socket::new(NETLINK_AUDIT)?, Socket::new(NETLINK_AUDIT)?);
    let (mut bound, mut joined) = (Socket::new(NETLINK_AUDIT)?, Socket::new(NETLINK_AUDIT)?);
    bound.bind(&SocketAddr::new(0, READLOG))?;
    // A socket without a port is member of a group and receives nothing.
    joined.bind_auto()?;
    joined.add_membership(READLOG)?;
    acknowledged(&daemon, SET, &status(std::process::id()))?;
    acknowledged(&sender, USER, b"of netlink-sys\0")?;
    wait_for_record(&daemon, "of netlink-sys")?;
    wait_for_record(&bound, "of netlink-sys")?;
    wait_for_record(&joined, "of netlink-sys")?;
    joined.drop_membership(READLOG)?;
    let mut name = SocketAddr::new(0, 0);
    joined.get_address(&mut name)?;
    println!("after leaving: groups {}", name.multicast_groups());
    daemon.set_non_blocking(false)?;
    acknowledged(&daemon, SET, &status(0))?;
    println!("unregistered");
    Ok(())
}

fn main() -> io::Result<()> {
    names()?;
    options()?;
    rules()?;
    records()
}
