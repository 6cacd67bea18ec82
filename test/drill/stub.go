package main

import (
	"fmt"
	"net"
	"os/exec"
	"time"

	"sluice/internal/child"
)

// stub is `sluice loadtest stub` in a process of its own.
type stub struct {
	*child.Child
	addr string
}

func startStub(behave string) (*stub, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &stub{addr: l.Addr().String()}
	_ = l.Close()
	if s.Child, err = child.Start(exec.Command(*binary, "loadtest", "stub", "--listen", s.addr, "--behave", behave)); err != nil {
		return nil, err
	}
	for begun := time.Now(); time.Since(begun) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.addr); err == nil {
			_ = c.Close()
			return s, nil
		}
	}
	s.End()
	return nil, fmt.Errorf("the stub did not listen on %s", s.addr)
}
