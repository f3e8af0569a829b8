// What programs on github.com/mdlayher/netlink do: status, rules, settings, multicast. Its Receive takes the length in
// a message's header for granted, which is wrong in what the kernel sends a registered daemon, so nobody registers.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
)

const (
	auditProtocol  = 9
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

func dial(config *netlink.Config, step string) *netlink.Conn {
	c, err := netlink.Dial(auditProtocol, config)
	must(err, step)
	fmt.Printf("%s: done\n", step)
	return c
}

func execute(c *netlink.Conn, kind netlink.HeaderType, flags netlink.HeaderFlags, data []byte, step string) []netlink.Message {
	messages, err := c.Execute(netlink.Message{Header: netlink.Header{Type: kind, Flags: flags}, Data: data})
	must(err, step)
	return messages
}

func control() {
	c := dial(&netlink.Config{Strict: true}, "dial with the strict options")
	defer c.Close()
	for _, option := range []netlink.ConnOption{netlink.CapAcknowledge, netlink.NoENOBUFS, netlink.PacketInfo, netlink.ListenAllNSID} {
		must(c.SetOption(option, true), "option")
	}
	must(c.SetReadBuffer(1<<20), "read buffer")
	fmt.Println("options: set")

	messages := execute(c, auditGet, netlink.Request, nil, "status")
	status := messages[0].Data
	fmt.Printf("status: %d message, type %d, enabled %d\n", len(messages), messages[0].Header.Type, binary.LittleEndian.Uint32(status[4:]))
	messages = execute(c, auditGet, netlink.Request|netlink.Acknowledge, nil, "status with acknowledgement")
	fmt.Printf("acknowledgement: type %d\n", messages[0].Header.Type)
	messages, err := c.Receive()
	must(err, "status after the acknowledgement")
	fmt.Printf("status: type %d\n", messages[0].Header.Type)

	messages = execute(c, auditListRules, netlink.Request, nil, "rules")
	fmt.Printf("rules: %d\n", len(messages))

	set := make([]byte, 40)
	binary.LittleEndian.PutUint32(set, 1)
	binary.LittleEndian.PutUint32(set[4:], 1)
	messages = execute(c, auditSet, netlink.Request|netlink.Acknowledge, set, "enable")
	fmt.Printf("enable: type %d\n", messages[0].Header.Type)

	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: 1007, Flags: netlink.Request}})
	fmt.Printf("a type that is none: EINVAL %v\n", errors.Is(err, syscall.EINVAL))

	must(c.SetReadDeadline(time.Now().Add(50*time.Millisecond)), "deadline")
	_, err = c.Receive()
	fmt.Printf("nothing more: timed out %v\n", errors.Is(err, os.ErrDeadlineExceeded))
}

// A record with the mark; others come from elsewhere on the machine.
func waitForRecord(c *netlink.Conn, mark string) {
	must(c.SetReadDeadline(time.Now().Add(5*time.Second)), "deadline")
	for {
		messages, err := c.Receive()
		must(err, "receive")
		text := string(messages[0].Data)
		if !strings.Contains(text, mark) {
			continue
		}
		sender := strings.HasPrefix(text, "audit(") && strings.Contains(text, fmt.Sprintf(": pid=%d ", os.Getpid()))
		fmt.Printf("record %d: of this process %v, %s\n", messages[0].Header.Type, sender, text[strings.Index(text, "msg="):])
		return
	}
}

func send(text string) {
	c, err := netlink.Dial(auditProtocol, nil)
	must(err, "dial")
	defer c.Close()
	execute(c, auditUserLogin, netlink.Request|netlink.Acknowledge, append([]byte(text), 0), "message")
}

func multicast() {
	bound := dial(&netlink.Config{Groups: readlog}, "dial with the group")
	defer bound.Close()
	joined := dial(nil, "dial")
	defer joined.Close()
	must(joined.JoinGroup(readlog), "join")
	send("op=login acct=\"first-of-mdlayher\" res=success")
	waitForRecord(bound, "first-of-mdlayher")
	waitForRecord(joined, "first-of-mdlayher")
	must(joined.LeaveGroup(readlog), "leave")
	send("op=login acct=\"second-of-mdlayher\" res=success")
	waitForRecord(bound, "second-of-mdlayher")
	must(joined.SetReadDeadline(time.Now().Add(50*time.Millisecond)), "deadline")
	for {
		messages, err := joined.Receive()
		if err != nil {
			fmt.Printf("after leaving: timed out %v\n", errors.Is(err, os.ErrDeadlineExceeded))
			return
		}
		if strings.Contains(string(messages[0].Data), "second-of-mdlayher") {
			fmt.Println("after leaving: a record")
			os.Exit(1)
		}
	}
}

func main() {
	control()
	multicast()
}
