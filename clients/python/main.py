"""An audit socket as Python's socket module shows it: names, options, waiting, peeking, ancillary data."""

import errno
import os
import select
import socket
import struct
import sys

NETLINK_AUDIT = 9
SOL_NETLINK = 270
ADD_MEMBERSHIP, DROP_MEMBERSHIP, PKTINFO, NO_ENOBUFS, LIST_MEMBERSHIPS = 1, 2, 3, 5, 9
NLMSG_ERROR, NLMSG_DONE = 2, 3
GET, SET, USER, ADD_RULE, DEL_RULE, LIST_RULES = 1000, 1001, 1005, 1011, 1012, 1013
REPLACE, USER_LOGIN = 1329, 1112
REQUEST, ACK = 1, 4
STATUS_PID = 4
KERNEL = (0, 0)
HEADER = struct.Struct("=IHHII")
# never,user for one user id that nobody has.
RULE = struct.pack("=III", 0, 0, 1) + bytes(4 * 64) + struct.pack("=I", 1) + bytes(4 * 63) \
    + struct.pack("=I", 54321) + bytes(4 * 63) + struct.pack("=I", 0x40000000) + bytes(4 * 63) + bytes(4)


def audit_socket(kind=socket.SOCK_RAW):
    return socket.socket(socket.AF_NETLINK, kind, NETLINK_AUDIT)


def request(kind, payload=b"", flags=REQUEST | ACK, sequence=1):
    return HEADER.pack(HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def error(datagram):
    """The error number of an acknowledgement."""
    assert HEADER.unpack_from(datagram)[1] == NLMSG_ERROR, datagram
    return -struct.unpack_from("=i", datagram, HEADER.size)[0]


def kind(datagram):
    return HEADER.unpack_from(datagram)[1]


def port(name):
    """A port number, which is the process's own for its first socket."""
    return {0: "none", os.getpid(): "own"}.get(name[0], "another")


def raised(call, *arguments):
    try:
        return call(*arguments)
    except OSError as failure:
        return errno.errorcode[failure.errno]


def record(datagram, mark):
    """A record as a line of text; None for those that come from elsewhere on the machine."""
    text = datagram[HEADER.size:].decode()
    if mark not in text:
        return None
    sender = "its sender" if f" pid={os.getpid()} " in text and text.startswith("audit(") else "somebody else"
    return f"{kind(datagram)} of {sender}, {text[text.index('msg='):]}"


def names():
    with audit_socket() as unbound:
        print("unbound:", port(unbound.getsockname()), unbound.getsockname()[1])
        found = socket.socket(fileno=unbound.fileno())
        print("family, type, protocol:", int(found.family), int(found.type), found.proto)
        found.detach()
        for name in ("SO_DOMAIN", "SO_TYPE", "SO_PROTOCOL", "SO_ERROR"):
            print(f"{name}:", unbound.getsockopt(socket.SOL_SOCKET, getattr(socket, name)))
        unbound.bind((0, 0))
        print("bound:", port(unbound.getsockname()))
        print("bound again:", raised(unbound.bind, (0, 0)))
        print("bound to its own port:", raised(unbound.bind, (os.getpid(), 0)))
        with audit_socket(socket.SOCK_DGRAM) as second:
            print("the same port:", raised(second.bind, (os.getpid(), 0)))
            second.bind((0, 0))
            print("second:", port(second.getsockname()))
        unbound.connect(KERNEL)
        print("peer:", unbound.getpeername())
        unbound.send(request(GET))
        print("connected:", error(unbound.recv(8192)), kind(unbound.recv(8192)))


def options():
    with audit_socket() as options:
        for option in (PKTINFO, NO_ENOBUFS):
            before = options.getsockopt(SOL_NETLINK, option)
            options.setsockopt(SOL_NETLINK, option, 1)
            print(f"netlink option {option}:", before, options.getsockopt(SOL_NETLINK, option))
        print("unknown option:", raised(options.setsockopt, SOL_NETLINK, 99, 1))
        options.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, 1)
        print("groups:", options.getsockopt(SOL_NETLINK, LIST_MEMBERSHIPS, 4).hex(), options.getsockname()[1])
        options.setsockopt(SOL_NETLINK, DROP_MEMBERSHIP, 1)
        print("groups:", options.getsockopt(SOL_NETLINK, LIST_MEMBERSHIPS, 4).hex(), options.getsockname()[1])
        options.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        print("SO_RCVBUF:", options.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
        print("SO_PASSCRED:", options.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED))


def receiving():
    with audit_socket() as peeking:
        peeking.sendto(request(GET), KERNEL)
        data, address = peeking.recvfrom(8192, socket.MSG_PEEK)
        print("peeked:", kind(data), address)
        data, address = peeking.recvfrom(8192)
        print("received:", kind(data), error(data), address)
        print("real length:", peeking.recv_into(bytearray(20), 20, socket.MSG_PEEK | socket.MSG_TRUNC))
        data, _, flags, address = peeking.recvmsg(20)
        print("cut:", len(data), flags == socket.MSG_TRUNC, address)
        print("nothing left:", raised(peeking.recvfrom, 8192, socket.MSG_DONTWAIT))
        peeking.sendto(request(1007), KERNEL)
        print("a type that is none:", errno.errorcode[error(peeking.recv(8192))])


def waiting():
    with audit_socket() as waited:
        waited.settimeout(0.05)
        try:
            waited.recvfrom(8192)
        except socket.timeout:
            print("settimeout: timed out")
        waited.settimeout(None)
        waited.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
        print("SO_RCVTIMEO:", raised(waited.recvfrom, 8192))
        waited.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 5, 0))
        poll, epoll = select.poll(), select.epoll()
        poll.register(waited, select.POLLIN | select.POLLOUT)
        epoll.register(waited, select.EPOLLIN)
        print("idle:", [events for _, events in poll.poll(0)], epoll.poll(0))
        waited.sendto(request(GET), KERNEL)
        # The answer may come a moment after the send: whoever asks for more than it would see only the rest.
        poll.modify(waited, select.POLLIN)
        print("answered:", [events for _, events in poll.poll(20000)], [events for _, events in epoll.poll(20)])
        print("select:", select.select([waited], [waited], [], 20) == ([waited], [waited], []))
        print("two packets:", kind(waited.recv(8192)), kind(waited.recv(8192)))
        print("idle again:", epoll.poll(0))
        epoll.close()


def rules():
    with audit_socket() as ruling:
        def ask(kind, payload=b""):
            ruling.sendto(request(kind, payload), KERNEL)
            return error(ruling.recv(8192))

        def listed():
            count = 0
            ask(LIST_RULES)
            while kind(data := ruling.recv(8192)) != NLMSG_DONE:
                count += data[HEADER.size:HEADER.size + len(RULE)] == RULE
            return count

        print("rules:", listed(), ask(ADD_RULE, RULE), listed(), errno.errorcode[ask(ADD_RULE, RULE)],
              ask(DEL_RULE, RULE), listed(), errno.errorcode[ask(DEL_RULE, RULE)])


def records():
    def status(pid):
        return struct.pack("=11I", STATUS_PID, 0, 0, pid, 0, 0, 0, 0, 0, 0, 0)

    def next_record(listener, mark):
        while True:
            data, ancillary, flags, address = listener.recvmsg(16384, 1024)
            line = record(data, mark)
            if line:
                return line, sorted((level, kind, data.hex()) for level, kind, data in ancillary), flags, address

    with audit_socket() as daemon, audit_socket() as listener, audit_socket() as sender:
        for waiter in (daemon, listener):
            waiter.settimeout(5)
            waiter.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.bind((0, 1))
        listener.setsockopt(SOL_NETLINK, PKTINFO, 1)
        print("member of:", listener.getsockname()[1])
        daemon.sendto(request(SET, status(os.getpid())), KERNEL)
        print("registered:", error(daemon.recv(8192)))
        for type_, text in ((USER, "from python"), (USER_LOGIN, "op=login acct=\"from python\" res=success")):
            sender.sendto(request(type_, text.encode() + b"\0"), KERNEL)
            print("sent:", error(sender.recv(8192)))
            print("daemon:", *next_record(daemon, text))
            print("listener:", *next_record(listener, text))
        daemon.sendto(request(SET, status(0)), KERNEL)
        while kind(data := daemon.recv(8192)) != NLMSG_ERROR:
            if kind(data) == REPLACE:
                print("asked to make room")
        print("unregistered:", error(data))


for part in (names, options, receiving, waiting, rules, records):
    print(f"== {part.__name__}")
    part()
    sys.stdout.flush()
