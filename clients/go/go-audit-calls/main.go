// The socket calls of slackhq/go-audit: it registers again every five seconds without looking at the answers, and takes
// every packet for a message.
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
	auditSet      = 1001
	auditUser     = 1005
	configChange  = 1305
	auditReplace  = 1329
	receiveBuffer = 16384
)

func must(err error, step string) {
	if err != nil {
		fmt.Printf("%s: %v\n", step, err)
		os.Exit(1)
	}
}

type client struct {
	fd       int
	kernel   *syscall.SockaddrNetlink
	sequence uint32
	buffer   [8970]byte
}

func open() *client {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_AUDIT)
	must(err, "socket")
	c := &client{fd: fd, kernel: &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}}
	must(syscall.Bind(fd, c.kernel), "bind")
	must(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer), "SO_RCVBUF")
	size, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	must(err, "SO_RCVBUF")
	fmt.Printf("receive buffer: %d bytes\n", size)
	return c
}

func (c *client) send(kind uint16, payload []byte) {
	c.sequence++
	message := make([]byte, syscall.SizeofNlMsghdr, syscall.SizeofNlMsghdr+len(payload))
	binary.LittleEndian.PutUint32(message, uint32(cap(message)))
	binary.LittleEndian.PutUint16(message[4:], kind)
	binary.LittleEndian.PutUint16(message[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_ACK)
	binary.LittleEndian.PutUint32(message[8:], c.sequence)
	binary.LittleEndian.PutUint32(message[12:], uint32(syscall.Getpid()))
	must(syscall.Sendto(c.fd, append(message, payload...), 0, c.kernel), "sendto")
}

// The status that it keeps its registration with has 40 bytes: no backlog_wait_time_actual.
func (c *client) setPid(pid int) {
	payload := make([]byte, 40)
	for word, value := range []uint32{4, 1, 0, uint32(pid)} {
		binary.LittleEndian.PutUint32(payload[word*4:], value)
	}
	c.send(auditSet, payload)
}

func (c *client) receive() (uint16, []byte) {
	n, _, err := syscall.Recvfrom(c.fd, c.buffer[:], 0)
	must(err, "recvfrom")
	if n < syscall.SizeofNlMsghdr {
		must(fmt.Errorf("%d bytes are no header", n), "recvfrom")
	}
	return binary.LittleEndian.Uint16(c.buffer[4:]), c.buffer[syscall.SizeofNlMsghdr:n]
}

// Prints the answer to a request and the record that comes of it, but no records from elsewhere on the machine. Which of
// the two is first is not said.
func (c *client) answerAndRecord(kind uint16, part, end string) {
	own := strings.NewReplacer(fmt.Sprintf("=%d ", os.Getpid()), "=own ")
	answer, record := "", ""
	for answer == "" || record == "" {
		got, data := c.receive()
		text := own.Replace(string(data))
		switch {
		case got == syscall.NLMSG_ERROR:
			answer = fmt.Sprintf("answer: %v", int32(binary.LittleEndian.Uint32(data)))
		case got == auditReplace:
			fmt.Printf("replace: by this process %v\n", binary.LittleEndian.Uint32(data) == uint32(os.Getpid()))
		case got == kind && strings.Contains(text, part) && strings.HasSuffix(text, end):
			record = fmt.Sprintf("record %d: %s ... %s", kind, strings.TrimSpace(part), end)
		}
	}
	fmt.Printf("%s\n%s\n", answer, record)
}

func main() {
	time.AfterFunc(20*time.Second, func() { must(errors.New("too slow"), "20 seconds") })
	c := open()
	c.setPid(os.Getpid())
	c.answerAndRecord(configChange, "audit_pid=own old=0 ", "res=1")
	c.send(auditUser, append([]byte("of-go-audit"), 0))
	c.answerAndRecord(auditUser, "pid=own ", "msg='of-go-audit'")
	// Five seconds later.
	c.setPid(os.Getpid())
	c.answerAndRecord(configChange, "audit_pid=own old=own ", "res=0")
	c.setPid(0)
	for {
		kind, data := c.receive()
		if kind == syscall.NLMSG_ERROR {
			fmt.Printf("answer: %d\n", int32(binary.LittleEndian.Uint32(data)))
			break
		}
	}
	must(syscall.Close(c.fd), "close")
	fmt.Println("close: done")
}
