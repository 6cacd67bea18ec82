package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/pgtest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// slowView replaces the table by a view whose every statement takes ten seconds.
func slowView(t testing.TB, server *pgtest.Postgres, schema string) {
	t.Helper()
	server.Do(t, "create view "+schema+".p_slow as select p_v.* from (select pg_sleep(10)) as s, "+schema+".p_v")
}

// A statement ends by the server's own limit, or by a cancel request where there is none, and the connection stays.
func TestStatementsEnd(t *testing.T) {
	server := pgtest.Server(t)
	f := func(name string, o Options) {
		t.Helper()
		o.Schema = server.Schema(t)
		feastTable(t, server, o.Schema, 9)
		slowView(t, server, o.Schema)
		o.URL = server.URL + "&application_name=" + name
		s := open(t, server, o)
		slow, quick := numbers(t, "slow", "f"), numbers(t, "v", "f")
		before := sessions(t, server, name, 2)
		for range 3 {
			rows, err := read(t, readerOf(t, s, slow), slow, 20*time.Millisecond, ids(0, 1))
			if !isTimeout(err) || rows.IsDone(0) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if after := sessions(t, server, name, 2); !slices.Equal(before, after) {
			t.Errorf("%s: the connections are those of the processes %v, and were those of %v", name, after, before)
		}
		rows, err := read(t, readerOf(t, s, quick), quick, within, ids(4))
		if err != nil {
			t.Fatal(err)
		}
		wantFloat(t, rows, 0, 1)
	}
	f("limited", Options{})
	f("cancelled", Options{RoleLimit: true})
}

// While the server is stopped reads end with their budgets; then the same connections go on.
func TestServerStalls(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 9)
	s := open(t, server, Options{Schema: schema, URL: server.URL + "&application_name=stalls"})
	g := numbers(t, "v", "f")
	r := readerOf(t, s, g)
	before := sessions(t, server, "stalls", 2)
	server.Signal(t, syscall.SIGSTOP)
	for range 5 {
		if _, err := read(t, r, g, 10*time.Millisecond, ids(0, 1)); !isTimeout(err) {
			t.Errorf("got %v", err)
		}
	}
	server.Signal(t, syscall.SIGCONT)
	rows, err := read(t, r, g, within, ids(4))
	if err != nil {
		t.Fatal(err)
	}
	wantFloat(t, rows, 0, 1)
	if after := sessions(t, server, "stalls", 2); !slices.Equal(before, after) {
		t.Errorf("the connections are those of the processes %v, and were those of %v", after, before)
	}
}

// A store is made while there is no server, and reads once there is one.
func TestServerComesUpLater(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 9)
	folder, err := pgtest.Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	s := open(t, server, Options{Schema: schema, URL: strings.Replace(server.URL, server.Folder, folder, 1)})
	g := numbers(t, "v", "f")
	r := readerOf(t, s, g)
	if _, err := read(t, r, g, within, ids(0)); err == nil || isTimeout(err) || !strings.Contains(err.Error(), `cannot read group "g"`) {
		t.Errorf("got %v", err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a server that is not there answers")
	}
	if err := os.Symlink(filepath.Join(server.Folder, ".s.PGSQL.5432"), filepath.Join(folder, ".s.PGSQL.5432")); err != nil {
		t.Fatal(err)
	}
	rows, err := read(t, r, g, within, ids(4))
	if err != nil {
		t.Fatal(err)
	}
	wantFloat(t, rows, 0, 1)
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Connections that the server has ended are replaced within a read.
func TestConnectionsDie(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 9)
	s := open(t, server, Options{Schema: schema, URL: server.URL + "&application_name=die"})
	g := numbers(t, "v", "f")
	r := readerOf(t, s, g)
	for range 3 {
		sessions(t, server, "die", 2)
		server.Do(t, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'die'")
		rows, err := read(t, r, g, within, ids(4, 5))
		if err != nil {
			t.Fatal(err)
		}
		wantFloat(t, rows, 0, 1)
		wantFloat(t, rows, 1, missing)
	}
}

// Through PgBouncer in transaction mode all is as without: limits, and rows while it is killed and started again.
func TestThroughPgBouncer(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 90)
	slowView(t, server, schema)
	bouncer := server.Bouncer(t)
	s := open(t, server, Options{Schema: schema, URL: bouncer.URL, ChunkKeys: 4, Conns: 4})
	slow, quick := numbers(t, "slow", "f"), numbers(t, "v", "f")
	r := readerOf(t, s, quick)
	if _, err := read(t, readerOf(t, s, slow), slow, 20*time.Millisecond, ids(0)); !isTimeout(err) {
		t.Errorf("got %v", err)
	}
	var readers sync.WaitGroup
	var stop atomic.Bool
	var right atomic.Int64
	for seed := range uint64(3) {
		readers.Go(func() {
			draw := rand.New(rand.NewPCG(seed, 0))
			for !stop.Load() {
				var at []int64
				for _, i := range draw.Perm(90)[:8] {
					at = append(at, int64(i))
				}
				rows, err := read(t, r, quick, within, ids(at...))
				if err != nil {
					continue
				}
				for key, i := range at {
					want := float32(i) / 4
					if i%3 == 2 {
						want = missing
					}
					wantFloat(t, rows, key, want)
				}
				right.Add(1)
			}
		})
	}
	more := func() {
		t.Helper()
		begun := right.Load()
		for since := time.Now(); right.Load() < begun+20; time.Sleep(time.Millisecond) {
			if time.Since(since) > within {
				t.Fatal("no read succeeds")
			}
		}
	}
	more()
	for range 2 {
		bouncer.Kill()
		if err := bouncer.Start(); err != nil {
			t.Fatal(err)
		}
		more()
	}
	stop.Store(true)
	readers.Wait()
}

// A context that ends does not close the connection, and rows that come later are not written.
func TestCallerLeaves(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 9)
	server.Do(t, "create view "+schema+".p_late as select p_v.* from (select pg_sleep(0.05)) as s, "+schema+".p_v")
	s := open(t, server, Options{Schema: schema, URL: server.URL + "&application_name=leaves"})
	g := numbers(t, "late", "f")
	r := readerOf(t, s, g)
	before := sessions(t, server, "leaves", 2)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	rows := newRows(g, 1)
	if err := r.Read(ctx, 0, ids(4), rows); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if after := sessions(t, server, "leaves", 2); !slices.Equal(before, after) {
		t.Errorf("the connections are those of the processes %v, and were those of %v", after, before)
	}
	if rows.IsDone(0) || float(rows, 0, 0) == 1 {
		t.Error("a row was written after its reader had left")
	}
}
