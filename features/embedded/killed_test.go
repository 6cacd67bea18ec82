package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/longtest"
)

const (
	killedRows  = 100_000
	killedChunk = 2_500
)

// loadUntilKilled loads a store, in a process of its own, and upserts a row after each chunk.
func loadUntilKilled(dir string) {
	t := &testing.T{} // for helpers that fail only where the test itself is wrong
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	w, err := NewWriter(dir, "v")
	ctx := context.Background()
	var standing store.Standing
	if err == nil {
		standing, err = w.Begin(ctx, "two", s)
	}
	rows := records(g, s, killedRows, 2, 200)
	for n := standing.Rows; err == nil && !standing.Visible && n < killedRows; n += killedChunk {
		err = w.Write(ctx, n, rows[n:n+killedChunk])
		if err == nil {
			err = w.Upsert(ctx, s, []store.Record{record(g, s, n, float64(n), 300)})
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

// TestLoadIsKilled kills a load ten times at random, and resumes it: readers see the whole generation before until they see the
// whole new one, with all that was upserted.
func TestLoadIsKilled(t *testing.T) {
	longtest.Skip(t)
	dir := t.TempDir()
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	load(t, newWriter(t, dir), "one", s, records(g, s, killedRows, 1, 100))
	st := opened(t, dir)
	r := newReader(t, st, g)
	kills := 0
	for finished := false; !finished; {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), killedDir+"="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		if kills < 10 {
			// It is killed while it writes: a moment after one of its chunks, or before the first.
			chunks := rand.IntN(6)
			for buffer := make([]byte, 100); chunks > 0; chunks-- {
				if _, err := out.Read(buffer); err != nil {
					break
				}
			}
			<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
			_ = child.Process.Kill()
			kills++
		}
		finished = child.Wait() == nil
		st.views()[0].refresh(time.Now())
		if !finished && (r.Generation() != 1 || value(t, r, 0, 1) != 1) {
			t.Fatalf("generation %d with %v is visible after %d kills", r.Generation(), value(t, r, 0, 1), kills)
		}
	}
	if r.Generation() != 2 {
		t.Fatalf("generation %d is visible", r.Generation())
	}
	var rows store.Rows
	keys := make([]store.Key, killedChunk)
	for first := 0; first < killedRows; first += killedChunk {
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
	if v := value(t, r, 1, 1); v != 1 {
		t.Errorf("the way back has %v", v)
	}
}
