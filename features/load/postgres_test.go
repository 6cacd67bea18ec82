package load

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/features/native"
	"sluice/features/postgres"
	"sluice/features/store"
	"sluice/internal/child"
	"sluice/internal/longtest"
	"sluice/internal/pgtest"
)

var _ Writer = (*postgres.Writer)(nil)

func postgresWriter(t testing.TB, url, schema string) *postgres.Writer {
	t.Helper()
	w, err := postgres.NewWriter(postgres.Options{URL: url, Schema: schema}, "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// stored calls each for the rows of a generation, and says how many there are.
func stored(t testing.TB, server *pgtest.Postgres, schema string, generation uint64, each func(id int64, value []byte)) (n int) {
	t.Helper()
	server.With(t, func(ctx context.Context, c *pgx.Conn) {
		answer := c.PgConn().ExecParams(ctx, fmt.Sprintf("select entity_key, payload from %s.sluice_v_g%d", schema, generation), nil, nil, nil, []int16{1})
		for answer.NextRow() {
			each(store.Int(store.Int64, answer.Values()[0]), answer.Values()[1])
			n++
		}
		if _, err := answer.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return n
}

func TestLoadsIntoPostgres(t *testing.T) {
	server := pgtest.Server(t)
	schema := server.Schema(t)
	s := spec(t, simpleSpec)
	m := newMemory()
	for i, rows := range []int{2000, 3000} {
		path, want := simpleFile(t, s, rows, float64(i+1))
		r, err := Load(t.Context(), s, path, postgresWriter(t, server.URL, schema), Options{ChunkRows: 300})
		if err != nil || r.Generation != uint64(i+1) || r.Read != int64(rows) {
			t.Fatalf("got %+v, %v", r, err)
		}
		m.generations[r.Generation] = &generation{values: map[string][]byte{}}
		stored(t, server, schema, r.Generation, func(id int64, value []byte) {
			m.generations[r.Generation].values[string(store.AppendInt(nil, store.Int64, id))] = bytes.Clone(value)
		})
		if got := m.show(r.Generation); got != want {
			t.Errorf("generation %d is not the file's: %d bytes, want %d", r.Generation, len(got), len(want))
		}
	}
}

var killedRows = flag.Int("killed-rows", 100_000, "how many rows TestKilledLoads loads")

const (
	killedTimes = 10
	killedChunk = 500
)

// loadAsChild is the process that TestKilledLoads kills: it loads a file, and says a line for each step.
func loadAsChild(args []string) error {
	s, err := ParseSpec([]byte(simpleSpec))
	if err != nil {
		return err
	}
	w, err := postgres.NewWriter(postgres.Options{URL: args[0], Schema: args[1]}, "v")
	if err != nil {
		return err
	}
	r, err := Load(context.Background(), s, args[2], w, Options{
		ChunkRows: killedChunk, MemoryBytes: 8 << 20, Progress: func(p Progress) { fmt.Println(p) },
	})
	fmt.Println("done", r.Generation)
	return err
}

// killed runs the child and kills it when it has said so many lines; it reports whether it came to its end first.
func killed(t *testing.T, lines int, args ...string) bool {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childArgs+"="+strings.Join(args, "\n"))
	var said child.Tail
	cmd.Stdout, cmd.Stderr = w, &said
	p, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	text := bufio.NewScanner(r)
	for text.Scan() {
		if lines--; lines == 0 {
			p.Kill()
		}
	}
	if err := p.Wait(); err != nil && lines > 0 {
		t.Fatalf("the load failed: %v: %s", err, said.Lines(5))
	}
	return p.Status() == 0
}

// A load is killed ten times and resumed, while rows are upserted: in the end one generation is visible, with the file's rows or newer
// ones, and the way back leads to the old one.
func TestKilledLoads(t *testing.T) {
	longtest.Skip(t)
	server := pgtest.Server(t)
	schema := server.Schema(t)
	s := spec(t, simpleSpec)
	if _, err := Load(t.Context(), s, write(t, "old.csv", "id,at,f\n0,1,-1\n"), postgresWriter(t, server.URL, schema), Options{}); err != nil {
		t.Fatal(err)
	}
	path := killedFile(t)
	st, err := postgres.New(postgres.Options{URL: server.URL, Schema: schema, Layout: postgres.Native, Poll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	reader, err := st.Reader(s.group)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var upserts sync.WaitGroup
	upserted := map[int64]int64{}
	begun := make(chan struct{})
	upserts.Go(func() { upsertUntil(ctx, t, s, postgresWriter(t, server.URL, schema), begun, upserted) })
	draw := rand.New(rand.NewPCG(9, 9))
	lines := 2**killedRows/killedChunk + *killedRows/sortTold
	times := 0
	for i := 0; ; i++ {
		if killed(t, 1+draw.IntN(lines), server.URL, schema, path) {
			break
		}
		times++
		if i == 0 {
			close(begun) // upserts before a load has begun are no concern of its
		}
		if reader.Generation() > 2 {
			t.Fatalf("generation %d is visible", reader.Generation())
		}
		if times == killedTimes {
			if !killed(t, 1<<30, server.URL, schema, path) {
				t.Fatal("the last load does not come to its end")
			}
			break
		}
	}
	cancel()
	upserts.Wait()
	newer := 0
	n := stored(t, server, schema, 2, func(id int64, value []byte) {
		want := row(t, s, id, id, float64(id%1000))
		if ns := upserted[id]; ns != 0 {
			want = row(t, s, id, ns, float64(-ns))
			newer++
		}
		if !bytes.Equal(value, want.Value) {
			_, ns, _ := native.Header(value)
			t.Errorf("row %d has time %d and value %x, want %x", id, ns, value, want.Value)
		}
	})
	if n != *killedRows || newer != len(upserted) {
		t.Errorf("%d rows are there, %d of them upserted; want %d and %d", n, newer, *killedRows, len(upserted))
	}
	shown := func(want uint64) {
		t.Helper()
		for since := time.Now(); reader.Generation() != want; time.Sleep(time.Millisecond) {
			if time.Since(since) > time.Minute {
				t.Fatalf("generation %d is visible, want %d", reader.Generation(), want)
			}
		}
	}
	shown(2)
	if err := postgresWriter(t, server.URL, schema).Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	shown(1)
	t.Logf("killed %d times, with %d rows upserted meanwhile", times, len(upserted))
}

// killedFile has rows in an order far from that of their keys.
func killedFile(t *testing.T) string {
	t.Helper()
	f, err := os.Create(t.TempDir() + "/rows.csv")
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	_, _ = io.WriteString(w, "id,at,f\n")
	for i := range *killedRows {
		id := i * 7_919 % *killedRows // a prime, so that every number comes once
		fmt.Fprintf(w, "%d,%d,%d\n", id, id, id%1000)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// upsertUntil upserts newer rows until the context ends, and notes those that the store has confirmed.
func upsertUntil(ctx context.Context, t *testing.T, s *Spec, w *postgres.Writer, begun <-chan struct{}, upserted map[int64]int64) {
	<-begun
	draw := rand.New(rand.NewPCG(8, 8))
	for ns := int64(2 * *killedRows); ctx.Err() == nil; ns++ {
		id := draw.Int64N(int64(*killedRows))
		if err := w.Upsert(context.Background(), s.schema, []store.Record{row(t, s, id, ns, float64(-ns))}); err != nil {
			t.Error(err)
			return
		}
		upserted[id] = ns
		time.Sleep(time.Millisecond) // a stream, and no flood
	}
}
