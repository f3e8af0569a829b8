// The socket calls of elastic/go-libaudit 2, which auditbeat and elastic-agent watch audit with: the registered client,
// the multicast client, rules, settings with and without waiting, and the end.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	auditGet       = 1000
	auditSet       = 1001
	auditAddRule   = 1011
	auditDelRule   = 1012
	auditListRules = 1013
	auditUser      = 1005

	statusPid         = 4
	statusRateLimit   = 8
	statusBacklog     = 16
	statusBacklogWait = 32
)

func must(err error, step string) {
	if err != nil {
		fmt.Printf("%s: %v\n", step, err)
		os.Exit(1)
	}
}

type client struct {
	fd       int
	port     uint32
	sequence uint32
	buffer   []byte
	pending  []uint32
}

func open(groups uint32) *client {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_AUDIT)
	must(err, "socket")
	must(syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: groups}), "bind")
	name, err := syscall.Getsockname(fd)
	must(err, "getsockname")
	address, ok := name.(*syscall.SockaddrNetlink)
	if !ok {
		must(errors.New("unexpected socket address type"), "getsockname")
	}
	fmt.Printf("open: groups %d, own port %v\n", address.Groups, address.Pid == uint32(os.Getpid()))
	return &client{fd: fd, port: address.Pid, buffer: make([]byte, syscall.NLMSG_HDRLEN+8970)}
}

func (c *client) send(kind, flags uint16, data []byte, sendFlags int) uint32 {
	c.sequence++
	message := make([]byte, syscall.NLMSG_HDRLEN+len(data))
	binary.LittleEndian.PutUint32(message, uint32(len(message)))
	binary.LittleEndian.PutUint16(message[4:], kind)
	binary.LittleEndian.PutUint16(message[6:], syscall.NLM_F_REQUEST|flags)
	binary.LittleEndian.PutUint32(message[8:], c.sequence)
	binary.LittleEndian.PutUint32(message[12:], c.port)
	copy(message[syscall.NLMSG_HDRLEN:], data)
	must(syscall.Sendto(c.fd, message, sendFlags, &syscall.SockaddrNetlink{}), "sendto")
	return c.sequence
}

type message struct {
	kind     uint16
	sequence uint32
	data     []byte
}

func (c *client) receive(flags int) (message, error) {
	n, from, err := syscall.Recvfrom(c.fd, c.buffer, flags)
	if err != nil {
		return message{}, err
	}
	if n < syscall.NLMSG_HDRLEN {
		return message{}, fmt.Errorf("%d bytes are no header", n)
	}
	address, ok := from.(*syscall.SockaddrNetlink)
	if !ok || address.Pid != 0 {
		return message{}, errors.New("message received was not from the kernel")
	}
	kind, sequence := binary.LittleEndian.Uint16(c.buffer[4:]), binary.LittleEndian.Uint32(c.buffer[8:])
	return message{kind, sequence, append([]byte(nil), c.buffer[syscall.NLMSG_HDRLEN:n]...)}, nil
}

// The next packet that is no record; it must answer the request.
func (c *client) reply(sequence uint32) message {
	for {
		var m message
		err := error(syscall.EAGAIN)
		for try := 0; try < 400 && err == syscall.EAGAIN; try++ {
			if m, err = c.receive(syscall.MSG_DONTWAIT); err == syscall.EAGAIN {
				time.Sleep(50 * time.Millisecond)
			}
		}
		must(err, "reply")
		if m.sequence == 0 {
			continue
		}
		if m.sequence != sequence {
			must(fmt.Errorf("expected %d but got %d", sequence, m.sequence), "sequence")
		}
		return m
	}
}

func (c *client) acknowledged(sequence uint32) error {
	m := c.reply(sequence)
	if m.kind != syscall.NLMSG_ERROR {
		return fmt.Errorf("type %d is no acknowledgement", m.kind)
	}
	if errno := -int32(binary.LittleEndian.Uint32(m.data)); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}

func (c *client) request(kind uint16, data []byte) uint32 {
	sequence := c.send(kind, syscall.NLM_F_ACK, data, 0)
	must(c.acknowledged(sequence), fmt.Sprintf("acknowledgement of %d", kind))
	return sequence
}

func status(mask uint32, word int, value uint32) []byte {
	payload := make([]byte, 44)
	binary.LittleEndian.PutUint32(payload, mask)
	binary.LittleEndian.PutUint32(payload[word*4:], value)
	return payload
}

func (c *client) status() []byte {
	m := c.reply(c.request(auditGet, nil))
	if m.kind != auditGet {
		must(fmt.Errorf("type %d", m.kind), "status")
	}
	return m.data
}

func (c *client) rules(rule []byte) int {
	sequence, count := c.request(auditListRules, nil), 0
	for m := c.reply(sequence); m.kind == auditListRules; m = c.reply(sequence) {
		if string(m.data[:len(rule)]) == string(rule) {
			count++
		}
	}
	return count
}

// never,user for one user id that nobody has.
func ruleOfNobody() []byte {
	rule := make([]byte, 1040)
	words := map[int]uint32{2: 1, 3 + 64: 1, 3 + 64 + 64: 54321, 3 + 64 + 64 + 64: 0x40000000}
	for word, value := range words {
		binary.LittleEndian.PutUint32(rule[word*4:], value)
	}
	return rule
}

func (c *client) waitForRecord(mark string) {
	for {
		m, err := c.receive(0)
		must(err, "record")
		text := string(m.data)
		if !strings.Contains(text, mark) {
			continue
		}
		sender := strings.HasPrefix(text, "audit(") && strings.Contains(text, fmt.Sprintf(": pid=%d ", os.Getpid()))
		fmt.Printf("record %d: of this process %v, %s\n", m.kind, sender, text[strings.Index(text, "msg="):])
		return
	}
}

func main() {
	// A record that never comes must not hang the program.
	time.AfterFunc(20*time.Second, func() { must(errors.New("too slow"), "20 seconds") })
	registered, listener := open(0), open(1)

	found := registered.status()
	fmt.Printf("status: enabled %d\n", binary.LittleEndian.Uint32(found[4:]))
	rule := ruleOfNobody()
	before := registered.rules(rule)
	registered.request(auditAddRule, rule)
	fmt.Printf("rules: %d, then %d\n", before, registered.rules(rule))
	fmt.Printf("the same rule: %v\n", registered.acknowledged(registered.send(auditAddRule, syscall.NLM_F_ACK, rule, 0)))
	registered.request(auditDelRule, rule)
	fmt.Printf("rules: %d\n", registered.rules(rule))

	// Settings without waiting: to what they are already.
	for mask, word := range map[uint32]int{statusRateLimit: 4, statusBacklog: 5, statusBacklogWait: 9} {
		data := status(mask, word, binary.LittleEndian.Uint32(found[word*4:]))
		registered.pending = append(registered.pending, registered.send(auditSet, syscall.NLM_F_ACK, data, 0))
	}
	for _, sequence := range registered.pending {
		must(registered.acknowledged(sequence), "setting")
	}
	fmt.Printf("settings: %d acknowledged\n", len(registered.pending))

	registered.request(auditSet, status(statusPid, 3, uint32(os.Getpid())))
	pid := binary.LittleEndian.Uint32(registered.status()[12:])
	fmt.Printf("registered: %v\n", pid == uint32(os.Getpid()))
	open(0).request(auditUser, append([]byte("of-go-libaudit"), 0))
	registered.waitForRecord("of-go-libaudit")
	listener.waitForRecord("of-go-libaudit")

	registered.send(auditSet, 0, status(statusPid, 3, 0), syscall.MSG_DONTWAIT)
	must(syscall.Close(registered.fd), "close")
	fmt.Printf("after the end: registered %d\n", binary.LittleEndian.Uint32(listener.status()[12:]))
}
