package postgres

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"sluice/features/store"
	"sluice/internal/pgtest"
)

// fake is a server that speaks the protocol and says that it is CockroachDB. It keeps what it was asked, and answers selects
// that have a parameter from a list.
type fake struct {
	listener net.Listener
	serving  sync.WaitGroup
	// byVersion says so by version() alone, as behind a pooler.
	byVersion bool
	mu        struct {
		sync.Mutex
		asked   []string
		answers []answer
		conns   []net.Conn
	}
}

// answer is rows, or an error of that state.
type answer struct {
	rows  [][][]byte
	state string
}

func newFake(t *testing.T) (f *fake, url string) {
	t.Helper()
	folder, err := pgtest.Folder()
	must(t, err)
	l, err := net.Listen("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	must(t, err)
	f = &fake{listener: l}
	f.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.mu.conns = append(f.mu.conns, c)
			f.mu.Unlock()
			f.serving.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.mu.Lock()
		for _, c := range f.mu.conns {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.serving.Wait()
		_ = os.RemoveAll(folder)
	})
	return f, "postgres://u@/d?sslmode=disable&host=" + folder
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	b := pgproto3.NewBackend(c, c)
	first, err := b.ReceiveStartupMessage()
	if _, ok := first.(*pgproto3.StartupMessage); err != nil || !ok {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	if !f.byVersion {
		b.Send(&pgproto3.ParameterStatus{Name: "crdb_version", Value: "CockroachDB CCL v25"})
	}
	b.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	b.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	state := byte('I')
	b.Send(&pgproto3.ReadyForQuery{TxStatus: state})
	text, failed := "", false
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.Query:
			f.note(m.String)
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SET")})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: state})
		case *pgproto3.Sync:
			failed = false
			b.Send(&pgproto3.ReadyForQuery{TxStatus: state})
		case *pgproto3.Parse:
			text = m.Query
			if !failed {
				b.Send(&pgproto3.ParseComplete{})
			}
		case *pgproto3.Bind:
			if !failed {
				b.Send(&pgproto3.BindComplete{})
			}
		case *pgproto3.Execute:
			if !failed {
				state, failed = f.execute(b, text, state)
			}
		case *pgproto3.Terminate:
			return
		}
	}
}

// execute answers a statement; describing it is part of that here.
func (f *fake) execute(b *pgproto3.Backend, text string, state byte) (byte, bool) {
	f.note(text)
	switch {
	case strings.HasPrefix(text, "begin"):
		state = 'T'
	case text == "commit":
		state = 'I'
	case strings.HasPrefix(text, "select"):
		a := f.next(text)
		if a.state != "" {
			b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: a.state, Message: "as the test wants it"})
			if state == 'T' {
				state = 'E'
			}
			return state, true
		}
		b.Send(&pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, columnsOf(a.rows))})
		for _, row := range a.rows {
			b.Send(&pgproto3.DataRow{Values: row})
		}
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		return state, false
	}
	b.Send(&pgproto3.NoData{})
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("OK")})
	return state, false
}

func columnsOf(rows [][][]byte) int {
	if len(rows) == 0 {
		return 1
	}
	return len(rows[0])
}

func (f *fake) note(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.asked = append(f.mu.asked, text)
}

func (f *fake) next(text string) answer {
	if text == "select version()" {
		return answer{rows: [][][]byte{{[]byte("CockroachDB CCL v25.1.0")}}}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.answers) == 0 {
		return answer{state: "XX000"}
	}
	a := f.mu.answers[0]
	f.mu.answers = f.mu.answers[1:]
	return a
}

// script sets the answers to come, and forgets what was asked.
func (f *fake) script(answers ...answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.answers, f.mu.asked = answers, nil
}

func (f *fake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.mu.asked)
}

// What CockroachDB is asked, and that it is asked again where it wants that.
func TestCockroach(t *testing.T) {
	const key = "\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00id\x04\x00\x00\x00\x08\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00"
	rows := answer{rows: [][][]byte{{[]byte(key), []byte("f"), []byte("\x35\x00\x00\x80\x3e"), nil}}}
	again := answer{state: "40001"}
	const (
		plain   = `select entity_key, feature_name, value, event_ts from "public"."p_v" where entity_key = any($1) and feature_name = any($2)`
		replica = `select entity_key, feature_name, value, event_ts from "public"."p_v" as of system time follower_read_timestamp()` +
			` where entity_key = any($1) and feature_name = any($2)`
	)
	f := func(byVersion bool, maxAge time.Duration, roleLimit bool, answers []answer, connected []string, want ...string) {
		t.Helper()
		server, url := newFake(t)
		server.byVersion = byVersion
		s := open(t, nil, Options{URL: url, Conns: 1, Limit: 30 * time.Second, RoleLimit: roleLimit})
		must(t, s.Ping(t.Context()))
		if got := server.asked(); !slices.Equal(got[:len(got)-1], connected) {
			t.Errorf("at the beginning %q is asked, want %q", got, connected)
		}
		server.script(answers...)
		g := *numbers(t, "v", "f")
		g.MaxAge = maxAge
		group, err := store.NewGroup(g)
		must(t, err)
		got, err := read(t, readerOf(t, s, group), group, within, ids(7))
		asked := server.asked()
		for i, text := range asked { // how many milliseconds are left is not known here
			if strings.HasPrefix(text, "set local statement_timeout = ") {
				asked[i] = "set local"
			}
		}
		if !slices.Equal(asked, want) {
			t.Errorf("max age %v: it is asked %q, want %q", maxAge, asked, want)
		}
		if last := answers[len(answers)-1]; last.state == "" {
			must(t, err)
			wantFloat(t, got, 0, .25)
		} else if err == nil || got.IsDone(0) {
			t.Errorf("got %v", err)
		}
	}
	limit, none := []string{"set statement_timeout = 30000"}, []string(nil)
	f(false, 5*time.Second, false, []answer{rows}, limit, replica)
	f(false, time.Hour, false, []answer{again, again, rows}, limit, replica, replica, replica)
	f(false, time.Hour, true, []answer{rows}, none, replica)
	f(true, time.Hour, false, []answer{rows}, append([]string{"select version()"}, limit...), replica)
	f(false, 4*time.Second, false, []answer{rows}, limit, "begin read only", "set local", plain, "commit")
	f(false, 0, false, []answer{again, rows}, limit, "begin read only", "set local", plain, "commit", "begin read only", "set local", plain, "commit")
	f(false, 0, true, []answer{rows}, none, plain)
	f(false, time.Hour, false, []answer{{state: "42P01"}}, limit, replica)
}

// A statement that is to be repeated without end ends with the budget.
func TestRepeatsEnd(t *testing.T) {
	server, url := newFake(t)
	s := open(t, nil, Options{URL: url, Conns: 1})
	g := numbers(t, "v", "f")
	server.script(slices.Repeat([]answer{{state: "40001"}}, 1_000_000)...)
	if _, err := read(t, readerOf(t, s, g), g, 20*time.Millisecond, ids(7)); !isTimeout(err) && !isState(errors.Unwrap(err), sqlRepeat) {
		t.Errorf("got %v", err)
	}
}
