package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/internal/child"
)

// Bouncer is a PgBouncer in transaction mode in front of a server.
type Bouncer struct {
	// URL leads to the server's database through it.
	URL string

	path, folder string
	process      *child.Child
}

// Bouncer starts one. It ends with the test.
func (s *Postgres) Bouncer(t testing.TB) *Bouncer {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path = "/usr/sbin/pgbouncer"; exec.Command(path, "--version").Run() != nil {
			t.Skip("pgbouncer is not installed")
		}
	}
	folder, err := Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	settings := fmt.Sprintf(`[databases]
postgres = host=%s user=postgres dbname=postgres
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = 4
`, s.Folder, folder)
	if err := os.WriteFile(filepath.Join(folder, "ini"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	b := &Bouncer{URL: "postgres://postgres@/postgres?sslmode=disable&port=6432&host=" + folder, path: path, folder: folder}
	b.Start(t)
	t.Cleanup(func() { b.Kill() })
	return b
}

// Start starts it, again after Kill.
func (b *Bouncer) Start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(b.path, filepath.Join(b.folder, "ini"))
	p, err := run(cmd, "process up")
	if err != nil {
		t.Fatal(err)
	}
	b.process = p
}

// Kill ends it at once.
func (b *Bouncer) Kill() {
	b.process.End()
	_ = os.Remove(filepath.Join(b.folder, ".s.PGSQL.6432")) // it refuses to start beside a socket
}
