package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/features/embedded"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/child"
	"sluice/internal/longtest"
	"sluice/internal/pgtest"
	"sluice/internal/servertest"
)

var (
	killedRows  = flag.Int("killed-rows", 20_000, "how many rows TestKilledLoads loads")
	killedTimes = flag.Int("killed-times", 5, "how often it kills a load before it lets one come to its end")
)

const killedChunk = 500

// killedStore is a store as processes name it that load it and are killed.
type killedStore struct{ kind, where string }

// killedStores are one of each kind.
var killedStores = map[string]func(t *testing.T) killedStore{
	"embedded": func(t *testing.T) killedStore { return killedStore{"embedded", t.TempDir()} },
	"redis":    func(t *testing.T) killedStore { return killedStore{"redis", servertest.StartRedis(t).Address} },
	"postgres": func(t *testing.T) killedStore {
		server := pgtest.Server(t)
		return killedStore{"postgres", server.URL + " " + server.Schema(t)}
	},
}

func (k killedStore) redis() redis.Options {
	return redis.Options{Addresses: []string{k.where}, Layout: redis.Native, Poll: 10 * time.Millisecond}
}

func (k killedStore) postgres() postgres.Options {
	url, schema, _ := strings.Cut(k.where, " ")
	return postgres.Options{URL: url, Schema: schema, Layout: postgres.Native, Poll: 10 * time.Millisecond}
}

func (k killedStore) writer() (Writer, error) {
	switch k.kind {
	case "embedded":
		return embedded.NewWriter(k.where, "v")
	case "redis":
		return redis.NewWriter(k.redis(), "v")
	}
	return postgres.NewWriter(k.postgres(), "v")
}

func (k killedStore) open() (store.Store, error) {
	switch k.kind {
	case "embedded":
		return embedded.Open(k.where, embedded.Options{Poll: 10 * time.Millisecond}), nil
	case "redis":
		return redis.New(k.redis())
	}
	return postgres.New(k.postgres())
}

// with lends a writer.
func (k killedStore) with(t *testing.T, do func(w Writer) error) {
	t.Helper()
	w, err := k.writer()
	if err != nil {
		t.Fatal(err)
	}
	if err := do(w); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// loadAsChild is the process that TestKilledLoads kills: it loads a file, and says a line for each step.
func loadAsChild(args []string) error {
	s, err := ParseSpec([]byte(simpleSpec))
	if err != nil {
		return err
	}
	w, err := killedStore{args[0], args[1]}.writer()
	if err != nil {
		return err
	}
	r, err := Load(context.Background(), s, args[2], w, Options{
		ChunkRows: killedChunk, MemoryBytes: 8 << 20, Progress: func(p Progress) { fmt.Println(p) },
	})
	fmt.Println("done", r.Generation)
	return err
}

// killed runs the child and kills it a moment after it has said so many lines; it reports whether it came to its end first.
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
	for text := bufio.NewScanner(r); text.Scan(); {
		if lines--; lines == 0 {
			time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, p.Kill)
		}
	}
	if err := p.Wait(); err != nil && lines > 0 {
		t.Fatalf("the load failed: %v: %s", err, said.Lines(5))
	}
	return p.Status() == 0
}

// A load is killed again and again and resumed, while rows are upserted: in the end one generation is visible, with the file's rows or newer
// ones, and the way back leads to the old one.
func TestKilledLoads(t *testing.T) {
	longtest.Skip(t)
	path := killedFile(t)
	for kind, start := range killedStores {
		t.Run(kind, func(t *testing.T) { killLoads(t, start(t), path) })
	}
}

func killLoads(t *testing.T, k killedStore, path string) {
	s := spec(t, simpleSpec)
	old := write(t, "old.csv", "id,at,f\n0,1,-1\n")
	k.with(t, func(w Writer) error {
		_, err := Load(t.Context(), s, old, w, Options{})
		return err
	})
	st, err := k.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	reader, err := st.Reader(s.group)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(want uint64) {
		t.Helper()
		for since := time.Now(); reader.Generation() != want; time.Sleep(time.Millisecond) {
			if time.Since(since) > time.Minute {
				t.Fatalf("generation %d is visible, want %d", reader.Generation(), want)
			}
		}
	}
	shown(1)
	ctx, cancel := context.WithCancel(t.Context())
	var upserts sync.WaitGroup
	upserted := map[int64]int64{}
	begun := make(chan struct{})
	upserts.Go(func() { k.with(t, func(w Writer) error { return upsertUntil(ctx, t, s, w, begun, upserted) }) })
	lines := 2**killedRows/killedChunk + *killedRows/sortTold
	times := 0
	for finished := false; !finished; {
		after := math.MaxInt
		if times < *killedTimes {
			after = 1 + rand.IntN(lines)
		}
		if finished = killed(t, after, k.kind, k.where, path); !finished {
			if times++; times == 1 {
				close(begun) // upserts before a load has begun are no concern of its
			}
			if reader.Generation() != 1 {
				t.Fatalf("generation %d is visible", reader.Generation())
			}
		}
	}
	cancel()
	upserts.Wait()
	shown(2)
	newest := func() (id int64) {
		for i, ns := range upserted {
			if ns > upserted[id] {
				id = i
			}
		}
		return id
	}()
	for since := time.Now(); killedRow(t, s, reader, newest) != upserted[newest] && time.Since(since) < time.Minute; {
		time.Sleep(time.Millisecond) // readers see what is upserted within a moment
	}
	eachKilled(t, s, reader, 2, func(id int64, there bool, value float32, ns int64) {
		want, of := float32(id%1000), id
		if at := upserted[id]; at != 0 {
			want, of = float32(-at), at
		}
		if there != (id < int64(*killedRows)) || there && (value != want || ns != of) {
			t.Errorf("row %d is there: %v; it has %v of time %d, want %v of %d", id, there, value, ns, want, of)
		}
	})
	k.with(t, func(w Writer) error { return w.Rollback(t.Context()) })
	shown(1)
	eachKilled(t, s, reader, 1, func(id int64, there bool, value float32, _ int64) {
		if upserted[id] == 0 && (there != (id == 0) || there && value != -1) {
			t.Errorf("on the way back row %d is there: %v; it has %v", id, there, value)
		}
	})
	t.Logf("killed %d times, with %d rows upserted meanwhile", times, len(upserted))
}

// killedRow is the time of a row of the visible generation.
func killedRow(t *testing.T, s *Spec, reader store.Reader, id int64) int64 {
	var rows store.Rows
	rows.Reset(s.group, 1)
	if err := reader.Read(t.Context(), reader.Generation(), []store.Key{store.AppendInt(nil, store.Int64, id)}, &rows); err != nil {
		t.Fatal(err)
	}
	return rows.Time(0)
}

// eachKilled reads all rows that a file may have, and a chunk behind them.
func eachKilled(t *testing.T, s *Spec, reader store.Reader, generation uint64, each func(id int64, there bool, value float32, ns int64)) {
	t.Helper()
	var rows store.Rows
	keys := make([]store.Key, killedChunk)
	for first := 0; first <= *killedRows; first += killedChunk {
		for i := range keys {
			keys[i] = store.AppendInt(nil, store.Int64, int64(first+i))
		}
		rows.Reset(s.group, len(keys))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := reader.Read(ctx, generation, keys, &rows)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			if !rows.IsDone(i) {
				t.Fatalf("row %d is not read", first+i)
			}
			each(int64(first+i), rows.States(i)[0] == store.Present, math.Float32frombits(binary.LittleEndian.Uint32(rows.Row(i))), rows.Time(i))
		}
	}
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
func upsertUntil(ctx context.Context, t *testing.T, s *Spec, w Writer, begun <-chan struct{}, upserted map[int64]int64) error {
	<-begun
	for ns := int64(2 * *killedRows); ctx.Err() == nil; ns++ {
		id := rand.Int64N(int64(*killedRows))
		if err := w.Upsert(context.Background(), s.schema, []store.Record{row(t, s, id, ns, float64(-ns))}); err != nil {
			return err
		}
		upserted[id] = ns
		time.Sleep(time.Millisecond) // a stream, and no flood
	}
	return nil
}
