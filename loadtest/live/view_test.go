package live

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the golden files")

const title = "poisson:500  seed 7  localhost:8080/resnet18 version 3  pid 4711"

// example is a run that goes well, after 42 of 60 seconds.
func example() Snapshot {
	s := Snapshot{ToolCores: 0.09, TargetCores: 0.71, RSS: 212e6, GPU: 0.31, Objective: "p99<10ms", Light: Holds}
	s.Snapshot = stats.Snapshot{
		Elapsed: 42 * time.Second, Window: stats.Window{To: time.Minute}, Offered: 500.3, Sent: 500.3, Good: 499.9, InFlight: 4, LagP99: 0.11,
		Response: stats.LiveLatency{P50: 2.1, P99: 6, P999: 8.8, Max: 12.3}, Service: stats.LiveLatency{P50: 2, P99: 5.9, P999: 8.7, Max: 12.2},
		Stages:   []result.Stage{{Name: "queue", Mean: 0.2}, {Name: "decode", Mean: 0.09}, {Name: "run", Mean: 1.31}, {Name: "encode", Mean: 0.05}, {Name: "other", Mean: 0.1}},
		Outcomes: [sample.Outcomes]int64{sample.OK: 20998}, Verified: 20998, BatchMean: 3.4,
	}
	s.Recent.Response, s.Recent.Service = stats.LiveLatency{P50: 2.1, P99: 5.8, Max: 7.9}, stats.LiveLatency{P50: 2, P99: 5.7, Max: 7.8}
	return s
}

func badExample() Snapshot {
	s := example()
	s.Phase, s.Elapsed, s.Window.To = "probe 3: 4,200/s", 7*time.Second, 20*time.Second
	s.Outcomes = [sample.Outcomes]int64{
		sample.OK: 20998, sample.Wrong: 3, sample.Rejected: 1204, sample.ClientError: 1, sample.ServerError: 20, sample.Timeout: 5,
		sample.Refused: 1, sample.Unsent: 2, sample.Lost: 1,
	}
	s.Extra = 1
	s.Light, s.Late = Fails, 1400
	s.Recent.Response = stats.LiveLatency{P50: 120, P99: 1806, Max: 12345}
	s.Offered, s.Sent, s.Good = 20000, 19876.6, 18001.2
	return s
}

func TestBlockIsGolden(t *testing.T) {
	var b strings.Builder
	empty := Snapshot{Phase: "warm-up", GPU: -1}
	for _, c := range []struct {
		name   string
		s      Snapshot
		width  int
		colour bool
	}{
		{"well, 80 columns", example(), 80, false},
		{"badly, 80 columns", badExample(), 80, false},
		{"badly, 120 columns", badExample(), 120, false},
		{"well, 40 columns", example(), 40, false},
		{"at the start", empty, 80, false},
		{"badly, in colour", badExample(), 80, true},
	} {
		lines := render(&c.s, title, c.width, c.colour)
		if len(lines) > 11 {
			t.Errorf("%s: %d lines", c.name, len(lines))
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", c.name, strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b", "ESC"))
	}
	for _, s := range []Snapshot{example(), badExample(), empty} {
		fmt.Fprintf(&b, "--- plain\n%s\n", oneLine(&s))
	}
	path := filepath.Join("testdata", "block.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the blocks are\n%s\nwant (-update rewrites it)\n%s", b.String(), want)
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Whatever is to be shown, no line is wider than the terminal or has a control character but
// for colours, and each line ends without a colour.
func TestLinesFitAnyWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.Make[Snapshot]().Draw(t, "snapshot")
		width := rapid.IntRange(1, 200).Draw(t, "width")
		name := rapid.String().Draw(t, "title")
		painted, bare := render(&s, name, width, true), render(&s, name, width, false)
		if len(painted) != len(bare) || len(bare) > mostLines {
			t.Fatalf("%d lines in colour, %d without", len(painted), len(bare))
		}
		for i, l := range bare {
			if utf8.RuneCountInString(l) > width || strings.ContainsFunc(l, func(c rune) bool { return c < ' ' }) {
				t.Fatalf("%q in %d columns", l, width)
			}
			if got := strings.TrimRight(colours.ReplaceAllString(painted[i], ""), " "); got != l {
				t.Fatalf("in colour %q, without %q", got, l)
			}
			if k := strings.LastIndex(painted[i], "\x1b"); k >= 0 && !strings.HasPrefix(painted[i][k:], reset) {
				t.Fatalf("the colour of %q does not end", painted[i])
			}
		}
		if l := oneLine(&s); strings.ContainsAny(l, "\n\r\x1b") {
			t.Fatalf("a line %q", l)
		}
	})
}

func TestPlainIsALineASecond(t *testing.T) {
	f := func(o Options, want int) string {
		t.Helper()
		var b strings.Builder
		v := New(&b, o)
		for i := range 41 { // ten seconds and a bit, four times a second
			s := example()
			s.Elapsed = time.Duration(i) * 250 * time.Millisecond
			v.Show(s)
		}
		s := example()
		s.Phase, s.Elapsed = "probe 2: 50.0/s", 10*time.Second // the same second of another phase
		v.Show(s)
		v.Note("a note")
		v.Close()
		if got := strings.Count(b.String(), "\n"); got != want || strings.Contains(b.String(), "\x1b") {
			t.Errorf("%+v: %d lines, want %d:\n%s", o, got, want, b.String())
		}
		return b.String()
	}
	text := f(Options{}, 13)
	f(Options{Mode: Plain, TTY: true}, 13)
	f(Options{Mode: None, TTY: true}, 0)
	f(Options{Mode: None}, 0)
	if !strings.HasPrefix(text, "0 s of 60 s  sent 500.3/s") || !strings.HasSuffix(text, "a note\n") {
		t.Errorf("the lines are\n%s", text)
	}
}

func TestColoursCanBeLeftOut(t *testing.T) {
	for _, none := range []bool{false, true} {
		var b strings.Builder
		v := New(&b, Options{TTY: true, NoColor: none})
		v.Show(badExample())
		v.Close()
		if got := colours.MatchString(b.String()); got == none {
			t.Errorf("NoColor %v, colours %v", none, got)
		}
	}
}

// Frames are whole: each is one write, also while others show, note and close.
func TestFramesAreWhole(t *testing.T) {
	var w writes
	v := New(&w, Options{TTY: true})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				v.Show(example())
				v.Note("note")
			}
			v.Close()
		})
	}
	wg.Wait()
	last := len(w.all) - 1
	for i, text := range w.all {
		if strings.Count(text, noWrap) != 1 && text != wrap+showCursor {
			t.Fatalf("write %d is %q", i, text)
		}
	}
	if w.all[last] != wrap+showCursor || strings.Count(strings.Join(w.all, ""), showCursor) != 1 {
		t.Errorf("the last of %d writes is %q", last+1, w.all[last])
	}
}

type writes struct{ all []string }

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, string(p))
	return len(p), nil
}

func TestFiguresAreShort(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(ms(0), "-")
	f(ms(0.063), "0.06")
	f(ms(9.996), "10.0")
	f(ms(1806), "1,806")
	f(rate(0), "0.0/s")
	f(rate(9999.7), "10,000/s")
	f(result.Thousands(-1234), "-1,234")
	f(duration(119*time.Second), "119 s")
	f(duration(2*time.Minute), "2m")
	f(duration(90*time.Minute+5*time.Second), "1h30m5s")
}
