package watch

import (
	"errors"
	"net"
	"os"
	"testing"
)

func TestFindPID(t *testing.T) {
	m := newMachine(t)
	m.write("proc/net/tcp", tcp4)
	m.write("proc/net/tcp6", tcp6)
	m.process(fakeProcess{pid: 50, parent: 1, sockets: []string{"7", "1681"}})
	m.process(fakeProcess{pid: 60, parent: 50, sockets: []string{"1681"}}) // inherited
	m.process(fakeProcess{pid: 70, parent: 1, sockets: []string{"1690", "1682"}})
	m.process(fakeProcess{pid: 80, parent: 1, sockets: []string{"1690"}})
	f := func(addr string, want int, fault string) {
		t.Helper()
		got, err := findPID(m.root, addr)
		if fault == "" && (err != nil || got != want) {
			t.Errorf("%s: %d, error %v; want %d", addr, got, err, want)
		}
		if fault != "" && err == nil {
			t.Errorf("%s: %d, want an error", addr, got)
		} else if fault != "" {
			contains(t, addr, err.Error(), fault)
		}
	}
	f("127.0.0.1:8080", 50, "")
	f("127.0.0.1:8081", 70, "")
	f("127.0.0.1:8082", 0, "[70 80] listen there; name one with --pid")
	f("127.0.0.1:8083", 0, "another user's")
	f("[::1]:8080", 0, "another user's")
	f("127.0.0.1:9", 0, "nothing is seen to listen there")
	f("127.0.0.1:http", 0, "no port between")
	if _, err := FindPID("192.0.2.1:8080"); !errors.Is(err, ErrNotHere) {
		t.Errorf("another machine: %v", err)
	}
	if SameHost("192.0.2.1:8080") || !SameHost("127.0.0.1:8080") || !SameHost("localhost") || !SameHost("[::1]:80") {
		t.Error("this machine is taken for another, or another for this one")
	}
}

func TestFindThisVeryProcess(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("there is no /proc")
	}
	for _, network := range []string{"127.0.0.1:0", ":0"} {
		l, err := net.Listen("tcp", network)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if pid, err := FindPID("127.0.0.1:" + port); err != nil || pid != os.Getpid() {
			t.Errorf("%s: process %d, error %v; want %d", l.Addr(), pid, err, os.Getpid())
		}
		l.Close()
	}
}
