// What programs on github.com/vishvananda/netlink/nl do with audit: requests by Execute and on a subscribed socket.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	auditGet       = 1000
	auditSet       = 1001
	auditListRules = 1013
	auditUserLogin = 1112
	readlog        = 1
)

func must(err error, step string) {
	if err != nil {
		fmt.Printf("%s: %v\n", step, err)
		os.Exit(1)
	}
}

// Execute knows its acknowledgement by the port number in it, and waits a minute for one with its own.
func execute(kind int, data []byte, step string) {
	request := nl.NewNetlinkRequest(kind, unix.NLM_F_ACK)
	request.AddRawData(data)
	_, err := request.Execute(unix.NETLINK_AUDIT, 0)
	must(err, step)
	fmt.Printf("%s: acknowledged\n", step)
}

// Receive refuses a datagram unless the length in its header is a multiple of four, as that of a reply is, and that of
// one record in four.
func receive(s *nl.NetlinkSocket) ([]syscall.NetlinkMessage, *unix.SockaddrNetlink, error) {
	for {
		messages, from, err := s.Receive()
		if err != syscall.EINVAL {
			return messages, from, err
		}
	}
}

// The data messages that answer a request, up to the last one. What else the socket gets is not for us.
func ask(s *nl.NetlinkSocket, kind int) int {
	request := nl.NewNetlinkRequest(kind, 0)
	must(s.Send(request), "send")
	count := 0
	for {
		messages, from, err := receive(s)
		must(err, "receive")
		if from.Pid != nl.PidKernel {
			must(fmt.Errorf("from port %d", from.Pid), "receive")
		}
		for _, m := range messages {
			if m.Header.Seq != request.Seq {
				continue
			}
			if m.Header.Type == unix.NLMSG_DONE {
				return count
			}
			count++
			if m.Header.Flags&unix.NLM_F_MULTI == 0 {
				return count
			}
		}
	}
}

// The text grows until its record can be received.
func waitForRecord(s *nl.NetlinkSocket, mark string) {
	for padding := 0; padding < 8; padding++ {
		text := fmt.Sprintf("op=login acct=%q%*s", mark, padding, "")
		request := nl.NewNetlinkRequest(auditUserLogin, unix.NLM_F_ACK)
		request.AddRawData(append([]byte(text), 0))
		_, err := request.Execute(unix.NETLINK_AUDIT, 0)
		must(err, "message")
		if received(s, mark) {
			return
		}
	}
	must(fmt.Errorf("none"), "record")
}

// Whether a record with the mark came before the socket was empty for a moment.
func received(s *nl.NetlinkSocket, mark string) bool {
	must(s.SetReceiveTimeout(&unix.Timeval{Usec: 100000}), "receive timeout")
	for {
		messages, from, err := receive(s)
		if err == unix.EAGAIN {
			return false
		}
		must(err, "receive")
		text := string(messages[0].Data)
		if !strings.Contains(text, mark) {
			continue
		}
		sender := strings.HasPrefix(text, "audit(") && strings.Contains(text, fmt.Sprintf(": pid=%d ", os.Getpid()))
		text = strings.TrimRight(text[strings.Index(text, "msg="):], " '")
		fmt.Printf("record %d: of this process %v, groups %d, %s'\n", messages[0].Header.Type, sender, from.Groups, text)
		return true
	}
}

func main() {
	set := make([]byte, 40)
	binary.LittleEndian.PutUint32(set, 1)
	binary.LittleEndian.PutUint32(set[4:], 1)
	execute(auditSet, set, "enable")
	request := nl.NewNetlinkRequest(1007, unix.NLM_F_ACK)
	_, err := request.Execute(unix.NETLINK_AUDIT, 0)
	fmt.Printf("a type that is none: %v\n", err)

	s, err := nl.Subscribe(unix.NETLINK_AUDIT, readlog)
	must(err, "subscribe")
	port, err := s.GetPid()
	must(err, "port")
	fmt.Printf("subscribed: own port %v\n", port == uint32(os.Getpid()))
	fmt.Printf("status: %d message\n", ask(s, auditGet))
	fmt.Printf("rules: %d\n", ask(s, auditListRules))
	waitForRecord(s, "of-vishvananda")
	s.Close()
}
