package servertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"sluice/internal/child"
)

// RedisServer is a redis-server that keeps nothing. It ends with the test.
type RedisServer struct {
	// Address is its Unix socket.
	Address string

	t       testing.TB
	path    string
	args    []string
	process *child.Child
}

// StartRedis starts one. More arguments may give it a port besides.
func StartRedis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, path: Redis(t)}
	dir, err := os.MkdirTemp("", "sluice-redis") // the names of tests are too long for a socket's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.Address = filepath.Join(dir, "s")
	s.args = append([]string{"--port", "0", "--unixsocket", s.Address, "--dir", dir, "--save", "", "--appendonly", "no"}, args...)
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// Start starts it, again after Kill, and does not wait until it answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	p, err := child.Start(exec.Command(s.path, s.args...))
	if err != nil {
		s.t.Fatal(err)
	}
	s.process = p
}

// Kill ends it at once, with all that it has.
func (s *RedisServer) Kill() { s.process.End() }

// PID is its process's number.
func (s *RedisServer) PID() int { return s.process.PID() }

// Signal sends it a signal.
func (s *RedisServer) Signal(of syscall.Signal) {
	s.t.Helper()
	if err := s.process.Signal(of); err != nil {
		s.t.Fatal(err)
	}
}
