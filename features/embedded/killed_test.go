package embedded

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/child"
	"sluice/internal/longtest"
)

var killedRows = flag.Int("killed-rows", 100_000, "how many rows TestLoadIsKilled loads: a multiple of 40")

// killedChunks is in how many chunks they are written.
const killedChunks = 40

// loadUntilKilled loads a store of so many rows, in a process of its own, and upserts a row before each chunk.
func loadUntilKilled(dir string, all int) {
	t := &testing.T{} // for helpers that fail only where the test itself is wrong
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	w, err := NewWriter(dir, "v")
	ctx := context.Background()
	var standing store.Standing
	if err == nil {
		standing, err = w.Begin(ctx, "two", s)
	}
	rows := records(g, s, all, 2, 200)
	chunk := int64(all / killedChunks)
	for n := standing.Rows; err == nil && !standing.Visible && n < int64(all); n += chunk {
		err = w.Upsert(ctx, s, []store.Record{record(g, s, n, float64(n), 300)})
		if err == nil {
			err = w.Write(ctx, n, rows[n:n+chunk])
			fmt.Println(n)
		}
	}
	if err == nil && !standing.Visible {
		err = w.Flip(ctx)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// loadAsChild starts a load, kills it a moment after it has said so many lines, and tells whether it came to its end.
func loadAsChild(t *testing.T, dir string, lines int) bool {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	cmd := exec.Command("/proc/self/exe", strconv.Itoa(*killedRows))
	cmd.Env = append(os.Environ(), killedDir+"="+dir)
	cmd.Stdout = w
	p, err := child.Start(cmd)
	must(t, err)
	must(t, w.Close())
	said := bufio.NewScanner(r)
	for ; lines > 0 && said.Scan(); lines-- {
		if _, err := strconv.Atoi(said.Text()); err != nil {
			t.Errorf("the load fails: %s", said.Text())
		}
	}
	if lines == 0 {
		<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
		p.Kill()
	}
	_ = p.Wait() // it was killed
	return p.Status() == 0
}

// TestLoadIsKilled kills a load ten times at random, and resumes it: readers see the whole generation before until they see the
// whole new one, with all that was upserted.
func TestLoadIsKilled(t *testing.T) {
	longtest.Skip(t)
	dir := t.TempDir()
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	load(t, newWriter(t, dir), "one", s, records(g, s, *killedRows, 1, 100))
	st := opened(t, dir)
	r := newReader(t, st, g)
	kills := 0
	for finished := false; !finished; {
		lines := 1 << 30
		if kills < 10 {
			lines = rand.IntN(killedChunks / 4) // it is killed a moment after one of its chunks, or before the first
			kills++
		}
		finished = loadAsChild(t, dir, lines)
		st.views()[0].refresh(time.Now())
		if !finished && (r.Generation() != 1 || value(t, r, 0, 1) != 1) {
			t.Fatalf("generation %d with %v is visible after %d kills", r.Generation(), value(t, r, 0, 1), kills)
		}
	}
	if r.Generation() != 2 {
		t.Fatalf("generation %d is visible", r.Generation())
	}
	var rows store.Rows
	keys := make([]store.Key, *killedRows/killedChunks)
	for first := 0; first < *killedRows; first += len(keys) {
		for i := range keys {
			keys[i] = store.AppendInt(nil, store.Int64, int64(first+i))
		}
		rows.Reset(g, len(keys))
		must(t, r.Read(t.Context(), 2, keys, &rows))
		for i := range keys {
			want := float32(2)
			if i == 0 {
				want = float32(first)
			}
			if v := math.Float32frombits(binary.LittleEndian.Uint32(rows.Row(i))); v != want {
				t.Fatalf("entity %d has %v, want %v, after %d kills", first+i, v, want, kills)
			}
		}
	}
	t.Logf("the load was killed %d times", kills)
	if v := value(t, r, 1, 1); v != 1 {
		t.Errorf("the way back has %v", v)
	}
}
