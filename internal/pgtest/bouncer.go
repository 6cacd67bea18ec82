package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"sluice/internal/child"
	"sluice/internal/servertest"
)

// Bouncer is a PgBouncer in transaction mode in front of a server.
type Bouncer struct {
	// URL leads to the server's database through it, and so does Address, which is host:port.
	URL, Address string

	path, folder string
	process      *child.Child
}

// Bouncer starts one. It ends with the test.
func (s *Postgres) Bouncer(t testing.TB) *Bouncer {
	t.Helper()
	b, err := s.StartBouncer()
	if errors.Is(err, errMissing) {
		servertest.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.End)
	return b
}

// StartBouncer starts one, which whoever calls it ends.
func (s *Postgres) StartBouncer() (b *Bouncer, err error) {
	b = &Bouncer{}
	if b.path, err = bouncerProgram(); err != nil {
		return nil, err
	}
	if b.folder, err = Folder(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(b.folder)
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	settings := fmt.Sprintf(`[databases]
postgres = host=%s user=postgres dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = 4
`, s.Folder, port, b.folder)
	if err := os.WriteFile(filepath.Join(b.folder, "ini"), []byte(settings), 0o644); err != nil {
		return nil, err
	}
	b.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	b.URL = fmt.Sprintf("postgres://postgres@/postgres?sslmode=disable&port=%d&host=%s", port, b.folder)
	return b, b.Start()
}

func bouncerProgram() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const path = "/usr/sbin/pgbouncer" // where Debian has it, which is not on everybody's PATH
	if exec.Command(path, "--version").Run() != nil {
		return "", fmt.Errorf("PgBouncer is %w", errMissing)
	}
	return path, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Start starts it again after Kill.
func (b *Bouncer) Start() (err error) {
	b.process, err = run(exec.Command(b.path, filepath.Join(b.folder, "ini")), "process up")
	return err
}

// Kill ends it at once, until Start.
func (b *Bouncer) Kill() {
	b.process.End()
	sockets, _ := filepath.Glob(filepath.Join(b.folder, ".s.PGSQL.*")) // the pattern is right
	for _, path := range sockets {
		_ = os.Remove(path) // it refuses to start beside a socket
	}
}

// End ends it for good.
func (b *Bouncer) End() {
	b.Kill()
	_ = os.RemoveAll(b.folder)
}
