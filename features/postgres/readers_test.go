package postgres

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/pgtest"
)

// Readers that leave early and readers that stay get their own rows, and nothing is written behind a reader's back.
func TestReadersComeAndGo(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	const n = 300
	feastTable(t, server, schema, n)
	s := open(t, server, Options{Schema: schema, ChunkKeys: 3, Conns: 3, URL: server.URL + "&application_name=come"})
	g := numbers(t, "v", "f")
	r := readerOf(t, s, g)
	before := sessions(t, server, "come", 3)
	var readers sync.WaitGroup
	var left, stayed atomic.Int64
	for seed := range uint64(4) {
		readers.Go(func() {
			draw := rand.New(rand.NewPCG(seed, 5))
			last, lastRow, lastDone := newRows(g, 0), []byte(nil), 0
			done := func(rows *store.Rows) (n int) {
				for key := range rows.Len() {
					if rows.IsDone(key) {
						n++
					}
				}
				return n
			}
			for range 150 {
				var at []int64
				for _, i := range draw.Perm(n)[:1+draw.IntN(12)] {
					at = append(at, int64(i))
				}
				limit := within
				if draw.IntN(2) == 0 {
					limit = time.Duration(draw.IntN(3000)) * time.Microsecond
				}
				rows, err := read(t, r, g, limit, ids(at...))
				for key, i := range at {
					want := float32(i) / 4
					if i%3 == 2 {
						want = missing
					}
					if err == nil || rows.IsDone(key) {
						wantFloat(t, rows, key, want)
					}
				}
				switch {
				case err == nil:
					stayed.Add(1)
				case isTimeout(err):
					left.Add(1)
				default:
					t.Error(err)
				}
				if last.Len() > 0 && (string(last.Row(0)) != string(lastRow) || done(last) != lastDone) {
					t.Error("rows have changed after their reader had left")
				}
				last, lastRow, lastDone = rows, slices.Clone(rows.Row(0)), done(rows)
			}
		})
	}
	readers.Wait()
	if left.Load() == 0 || stayed.Load() < 300 {
		t.Errorf("%d readers left, %d stayed", left.Load(), stayed.Load())
	}
	if after := sessions(t, server, "come", 3); !slices.Equal(before, after) {
		t.Errorf("the connections are those of the processes %v, and were those of %v", after, before)
	}
}

// The password is asked for at each connection, and a store whose password cannot be had fails its reads.
func TestPassword(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 9)
	server.Do(t, "create role reader login password 'new'; grant usage on schema "+schema+" to reader; grant select on "+schema+".p_v to reader")
	asked := make(chan string, 100)
	password := atomic.Pointer[string]{}
	s := open(t, server, Options{
		Schema: schema, Conns: 1, URL: strings.Replace(server.URL, "postgres@", "reader:old@", 1),
		Password: func() (string, error) {
			p := password.Load()
			if p == nil {
				return "", errors.New("the secret is not there yet")
			}
			select {
			case asked <- *p:
			default:
			}
			return *p, nil
		},
	})
	g := numbers(t, "v", "f")
	r := readerOf(t, s, g)
	if _, err := read(t, r, g, within, ids(4)); err == nil || !strings.Contains(err.Error(), "the secret is not there yet") {
		t.Errorf("got %v", err)
	}
	p := "new"
	password.Store(&p)
	rows, err := read(t, r, g, within, ids(4))
	must(t, err)
	wantFloat(t, rows, 0, 1)
	if got := <-asked; got != "new" {
		t.Errorf("the password is %q", got)
	}
}

// A store that is closed waits for its reads and takes no more.
func TestCloses(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	feastTable(t, server, schema, 9)
	slowView(t, server, schema)
	s := open(t, server, Options{Schema: schema})
	slow := numbers(t, "slow", "f")
	r := readerOf(t, s, slow)
	var reading sync.WaitGroup
	reading.Go(func() {
		if _, err := read(t, r, slow, 100*time.Millisecond, ids(0)); err == nil {
			t.Error("a read that takes ten seconds has succeeded")
		}
	})
	must(t, s.Close())
	must(t, s.Close())
	reading.Wait()
	if _, err := read(t, r, slow, within, ids(0)); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}
