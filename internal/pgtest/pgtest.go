package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/internal/child"
	"sluice/internal/servertest"
)

// startLimit is how long a program may take to say that it is up.
const startLimit = time.Minute

// Postgres is a running server.
type Postgres struct {
	// URL leads to the database postgres, as a user who may do everything.
	URL string
	// Folder has its socket.
	Folder string

	process *child.Child
	schemas atomic.Int32
}

var shared struct {
	sync.Once
	server *Postgres
	err    error
}

// Tests runs a package's tests, and then stops the shared server. A package's TestMain gives it to goleak.
type Tests struct{ M *testing.M }

// Run runs them.
func (t Tests) Run() int {
	status := t.M.Run()
	if s := shared.server; s != nil {
		s.End()
	}
	return status
}

// End has the server end at once. A kill would leave its shared memory behind.
func (s *Postgres) End() {
	_ = s.process.Signal(syscall.SIGQUIT)
	late := time.NewTimer(startLimit)
	defer late.Stop()
	select {
	case <-s.process.Done():
	case <-late.C:
	}
	s.process.End()
	_ = os.RemoveAll(s.Folder)
}

// errMissing is that of programs that are not installed here.
var errMissing = errors.New("not installed")

// Need ends a test that starts a server and a PgBouncer itself, where they are missing.
func Need(t testing.TB) {
	t.Helper()
	_, err := programs()
	if err == nil {
		_, err = bouncerProgram()
	}
	if err != nil {
		servertest.Missing(t, err.Error())
	}
}

// Server is the test binary's server.
func Server(t testing.TB) *Postgres {
	t.Helper()
	shared.Do(func() { shared.server, shared.err = Start() })
	if errors.Is(shared.err, errMissing) {
		servertest.Missing(t, shared.err.Error())
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Start starts a server, which whoever calls it ends.
func Start() (s *Postgres, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := Folder()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(folder)
		}
	}()
	data := filepath.Join(folder, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	var said child.Tail
	initdb.Stdout, initdb.Stderr, initdb.Dir, initdb.SysProcAttr = &said, &said, folder, attributes()
	if err := child.Run(initdb); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, said.Lines(3))
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", folder)
	for _, setting := range []string{
		"listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60",
		"autovacuum=off", "wal_level=minimal", "max_wal_senders=0",
	} {
		server.Args = append(server.Args, "-c", setting)
	}
	server.Dir = folder
	p, err := run(server, "ready to accept connections")
	if err != nil {
		return nil, err
	}
	return &Postgres{URL: "postgres://postgres@/postgres?sslmode=disable&host=" + folder, Folder: folder, process: p}, nil
}

// programs is the folder of the newest PostgreSQL that is installed.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is right
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL (initdb, postgres) is %w", errMissing)
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
		return version(a) - version(b)
	})), nil
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// Folder makes a folder whose path is short enough for a socket, and which the user of the servers owns.
func Folder() (string, error) {
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		return "", err
	}
	if c := attributes().Credential; c != nil {
		err = os.Chown(folder, int(c.Uid), int(c.Gid))
	}
	return folder, err
}

// attributes are those of a process that is not root's: the servers refuse to be.
func attributes() *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return &syscall.SysProcAttr{}
}

// waiter is closed when a program has said what it says when it is up.
type waiter struct {
	words []byte
	up    chan struct{}
	once  sync.Once
	tail  child.Tail
}

func (w *waiter) Write(p []byte) (int, error) {
	if bytes.Contains(p, w.words) {
		w.once.Do(func() { close(w.up) })
	}
	return w.tail.Write(p)
}

// run starts a program and waits until it says that it is up.
func run(cmd *exec.Cmd, words string) (*child.Child, error) {
	w := &waiter{words: []byte(words), up: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = w, w, attributes()
	p, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(startLimit)
	defer late.Stop()
	select {
	case <-w.up:
		return p, nil
	case <-p.Done():
	case <-late.C:
	}
	p.End()
	return nil, fmt.Errorf("%s does not come up: %s", filepath.Base(cmd.Path), w.tail.Lines(3))
}

// Schema makes a schema for a test, and returns its name.
func (s *Postgres) Schema(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%d", s.schemas.Add(1))
	s.Do(t, "create schema "+name)
	return name
}

// Do carries out statements.
func (s *Postgres) Do(t testing.TB, statements ...string) {
	t.Helper()
	s.With(t, func(ctx context.Context, c *pgx.Conn) {
		for _, statement := range statements {
			if _, err := c.Exec(ctx, statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	})
}

// With lends a connection.
func (s *Postgres) With(t testing.TB, do func(ctx context.Context, c *pgx.Conn)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	do(ctx, c)
}

// Signal sends a signal to the server and to the processes that it has for connections.
func (s *Postgres) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pids := []int{s.process.PID()}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.process.PID()))
	if err != nil {
		t.Skip("the kernel does not list the children of a process")
	}
	for _, word := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(word)
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}
