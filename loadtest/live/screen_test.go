package live

import (
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/ptytest"
	"sluice/loadtest/sample"
)

// Whatever is shown and noted, the screen holds the notes in their order and below them the
// last block, nothing of the blocks before; the cursor is hidden until Close.
func TestTheScreenHoldsNotesAndTheLastBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ptytest.NewScreen()
		width := 80
		v := New(s, Options{TTY: true, Title: "poisson:500", Width: func() int { return width }})
		var want []string
		var block []string
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "note") {
				note := rapid.StringMatching(`[a-z ]{0,20}[a-z]`).Draw(t, "text")
				v.Note(note)
				want, block = append(want, note), nil
				continue
			}
			width = rapid.IntRange(20, 120).Draw(t, "width")
			snapshot := example()
			if rapid.Bool().Draw(t, "short") {
				snapshot.Stages, snapshot.ToolCores, snapshot.TargetCores, snapshot.RSS, snapshot.GPU, snapshot.BatchMean = nil, 0, 0, 0, -1, 0
			}
			v.Show(snapshot)
			block = render(&snapshot, "poisson:500", width, false)
			if !s.Hidden {
				t.Fatal("the cursor is shown over the block")
			}
		}
		v.Close()
		v.Close()
		v.Show(example()) // too late to be shown
		if got := s.Text(); got != strings.Join(append(want, block...), "\n")+"\n" || s.Hidden || !s.Wraps || s.Err != nil {
			t.Fatalf("hidden %v, wraps %v, %v; the screen holds\n%s\nwant\n%s", s.Hidden, s.Wraps, s.Err, got, strings.Join(append(want, block...), "\n"))
		}
	})
}

// On a real terminal a run that panics leaves the last block, and the cursor visible.
func TestCloseRestoresATerminal(t *testing.T) {
	master, slave := ptytest.Open(t)
	tty, width := Terminal(slave)
	if !tty || width() != 80 {
		t.Fatalf("terminal %v of %d columns", tty, width())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic came through")
			}
		}()
		v := New(slave, Options{TTY: tty, Width: width, Title: "poisson:500"})
		defer v.Close()
		v.Show(example())
		s := example()
		s.Outcomes[sample.OK] = 20999
		v.Show(s)
		panic("the run")
	}()
	got := ptytest.NewScreen()
	if err := master.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	for all := ""; !strings.HasSuffix(all, showCursor); {
		n, err := master.Read(buffer)
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		all += string(buffer[:n])
		if _, err := got.Write(buffer[:n]); err != nil {
			t.Fatal(err)
		}
	}
	s := example()
	s.Outcomes[sample.OK] = 20999
	if want := strings.Join(render(&s, "poisson:500", 80, false), "\n") + "\n"; got.Text() != want || got.Hidden || got.Err != nil {
		t.Errorf("hidden %v, %v; the terminal holds\n%s\nwant\n%s", got.Hidden, got.Err, got.Text(), want)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if tty, width := Terminal(f); tty || width() != 0 {
		t.Errorf("a file is a terminal of %d columns", width())
	}
}
