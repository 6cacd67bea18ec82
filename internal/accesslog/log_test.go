package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const budget = 100 * time.Millisecond

// start writes to a file of the test's, and samples nothing unless told otherwise.
func start(t *testing.T, change func(*Options)) (*Log, string) {
	t.Helper()
	o := Options{File: filepath.Join(t.TempDir(), "access.log"), Slow: 0.8, MaxPerSecond: 3}
	if change != nil {
		change(&o)
	}
	l, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return l, o.File
}

func finish(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// line is one that was read back.
type line struct {
	Time                           time.Time
	Why, Method, Path, Code, Model string
	RequestID                      string `json:"request_id"`
	Peer, Version, Device, Reason  string
	Status, Rows, Batch, Skipped   int
	BytesIn                        int     `json:"bytes_in"`
	BytesOut                       int     `json:"bytes_out"`
	BudgetMs                       float64 `json:"budget_ms"`
	TotalMs                        float64 `json:"total_ms"`
	DecodeMs                       float64 `json:"decode_ms"`
	QueueMs                        float64 `json:"queue_ms"`
	RunMs                          float64 `json:"run_ms"`
	EncodeMs                       float64 `json:"encode_ms"`
	Late                           bool
}

func lines(t *testing.T, path string) (all []line) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for raw := range bytes.Lines(text) {
		var l line
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil || raw[len(raw)-1] != '\n' {
			t.Fatalf("the line %q: %v", raw, err)
		}
		all = append(all, l)
	}
	return all
}

// ended offers a request, and puts it in where it is wanted.
func ended(l *Log, id string, status int, late bool, total, budget time.Duration) Why {
	why := l.Pick(status, late, total, budget)
	if why != No {
		e := Entry{Why: why, Arrived: clock.Now(), Status: status, Late: late, Total: total, Budget: budget}
		e.Describe([]byte(id), []byte("POST"), []byte("/p"))
		l.Put(&e)
	}
	return why
}

func ids(all []line) (ids []string) {
	for _, l := range all {
		ids = append(ids, l.Why+" "+l.RequestID)
	}
	return ids
}

func TestPick(t *testing.T) {
	l, _ := start(t, nil)
	defer finish(t, l)
	f := func(status int, late bool, total, budget time.Duration, want Why) {
		t.Helper()
		if got := l.reason(status, late, total, budget); got != want {
			t.Errorf("%d, late %v, %v of %v: got %q, want %q", status, late, total, budget, whyNames[got], whyNames[want])
		}
	}
	f(200, false, 80*time.Millisecond, budget, No)
	f(200, false, 80*time.Millisecond+1, budget, Slow)
	f(200, true, 101*time.Millisecond, budget, Late)
	f(200, false, time.Hour, 0, No)
	f(399, false, 0, 0, No)
	f(400, false, 0, 0, Refused)
	f(499, true, 0, budget, Refused)
	f(500, false, 0, 0, Failed)
	f(504, true, budget, budget, Failed)
}

// A zero log takes nothing, and closes.
func TestOff(t *testing.T) {
	var l Log
	if why := ended(&l, "a", 500, true, time.Hour, budget); why != No || l.On() {
		t.Errorf("it takes a request because %q", whyNames[why])
	}
	l.Put(&Entry{Why: Failed})
	finish(t, &l)
	if l.Stats() != (Stats{}) {
		t.Errorf("stats %+v", l.Stats())
	}
}

func TestSample(t *testing.T) {
	for _, share := range []float64{0, 0.25, 1} {
		l, path := start(t, func(o *Options) { o.Sample = share })
		const n = 8000
		for range n {
			ended(l, "a", 200, false, 0, 0)
		}
		finish(t, l)
		got := lines(t, path)
		// A binomial draw is within ten standard deviations.
		if d := float64(len(got)) - share*n; d < -400 || d > 400 || share == 0 && d != 0 || share == 1 && d != 0 {
			t.Errorf("%d of %d requests are written with a share of %v", len(got), n, share)
		}
		for _, l := range got {
			if l.Why != "sample" {
				t.Errorf("a line is there because %q", l.Why)
			}
		}
	}
}

// A storm fills no disk: each reason has its lines, and the next one counts what was left out.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := start(t, nil)
		for range 10 {
			ended(l, "x", 429, false, 0, 0)
		}
		ended(l, "x", 500, false, 0, 0)
		time.Sleep(1100 * time.Millisecond)
		ended(l, "y", 429, false, 0, 0)
		ended(l, "y", 429, false, 0, 0)
		finish(t, l)
		if got, want := ids(lines(t, path)), []string{"refused x", "refused x", "refused x", "failed x", "refused y", "refused y"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		got := lines(t, path)
		if got[3].Skipped != 7 || got[4].Skipped != 0 {
			t.Errorf("the lines skip %d and %d, want 7 and 0", got[3].Skipped, got[4].Skipped)
		}
		if s := l.Stats(); s != (Stats{Lines: 6, Skipped: 7}) {
			t.Errorf("stats %+v", s)
		}
	})
}

// The slowest prediction of each second is written, whatever the limits are, and others are not.
func TestSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := start(t, func(o *Options) { o.MaxPerSecond = 1 })
		second := func(totals ...int) {
			for _, ms := range totals {
				ended(l, fmt.Sprint(ms), 200, false, time.Duration(ms)*time.Millisecond, budget)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(100 * time.Millisecond)
		second(5, 7, 3, 6)
		second()
		second(4)
		second(30, 85, 40) // slow, which makes it the slowest as well
		second(90, 99, 95) // the second slow one is over the limit
		ended(l, "health", 200, false, 0, 0)
		ended(l, "8", 200, false, 8*time.Millisecond, budget)
		finish(t, l)
		if got, want := ids(lines(t, path)), []string{"slowest 7", "slowest 4", "slow 85", "slow 90", "slowest 99", "slowest 8"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A line has what is known and nothing else, and whatever a client sends stays within its string.
func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := start(t, nil)
		now := time.Now().UTC()
		e := Entry{
			Why: Late, Arrived: clock.Now(), Peer: netip.MustParseAddrPort("[2001:db8::1]:443"), Status: 200, Model: "m", Version: "3",
			Device: "cpu", Reason: "spill", Rows: 7, Batch: 12, Budget: 20 * time.Millisecond, Late: true, BytesIn: 100, BytesOut: 200,
			Decode: 1500 * time.Microsecond, Queue: 2 * time.Millisecond, Run: 3001 * time.Microsecond, Encode: 999, Total: 25 * time.Millisecond,
		}
		e.Describe([]byte("id-1"), []byte("POST"), []byte("/v2/models/m/infer"))
		l.Put(&e)
		e = Entry{Why: Refused, Arrived: clock.Now(), Status: 400, Code: "BAD_HEADER"}
		e.Describe([]byte(`"\`), []byte("A\x00\nB"), []byte("/\"},{\xff\u2028<"+strings.Repeat("x", 300)))
		l.Put(&e)
		finish(t, l)
		got := lines(t, path)
		want := []line{
			{
				Time: now, Why: "late", RequestID: "id-1", Peer: "[2001:db8::1]:443", Method: "POST", Path: "/v2/models/m/infer", Status: 200, Model: "m", Version: "3",
				Device: "cpu", Reason: "spill", Rows: 7, Batch: 12, BudgetMs: 20, Late: true, BytesIn: 100, BytesOut: 200, DecodeMs: 1.5, QueueMs: 2, RunMs: 3.001, TotalMs: 25,
			},
			{Time: now, Why: "refused", RequestID: `"\`, Method: "A\x00\nB", Path: "/\"},{\ufffd\u2028<" + strings.Repeat("x", MaxPath-10), Status: 400, Code: "BAD_HEADER"},
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%+v\nwant\n%+v", got, want)
		}
		text, _ := os.ReadFile(path)
		if _, second, _ := strings.Cut(string(text), "\n"); strings.Contains(second, "model") || strings.Contains(second, "_ms\":0,") || strings.Contains(second, "peer") {
			t.Errorf("the line has what is not known: %s", second)
		}
	})
}

// More than the buffer holds is dropped and counted, and nobody waits.
func TestFullBuffer(t *testing.T) {
	l, path := start(t, func(o *Options) { o.Sample = 1 })
	l.mu.Lock()
	l.mu.waiting = make([]Entry, maxWaiting)
	l.mu.Unlock()
	const more = 5
	// The writer may have taken the buffer meanwhile; then none of these is lost.
	for range more {
		ended(l, "a", 200, false, 0, 0)
	}
	finish(t, l)
	if s := l.Stats(); s.Lines+s.Dropped != maxWaiting+more || s.Dropped > more || int(s.Lines) != len(lines(t, path)) {
		t.Errorf("stats %+v for %d lines", s, len(lines(t, path)))
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	for _, o := range []Options{
		{Slow: 1},
		{File: file},
		{File: file, Slow: 1, Sample: 1.1},
		{File: file, Slow: 1, Sample: -1},
		{File: file, Slow: 1, MaxPerSecond: -1},
		{File: "/nowhere/a", Slow: 1},
		{File: t.TempDir(), Slow: 1},
	} {
		if l, err := Start(o); err == nil {
			t.Errorf("%+v is taken", o)
			finish(t, l)
		}
	}
}

// FuzzLine holds that every line is one valid object, whatever clients send.
func FuzzLine(f *testing.F) {
	f.Add([]byte("id"), []byte("GET"), []byte("/v2"))
	f.Add([]byte("\"\\\n"), []byte("\x00\xff"), []byte("\u2028</script>"))
	f.Fuzz(func(t *testing.T, id, method, path []byte) {
		e := Entry{Why: Sampled, Status: 200}
		e.Describe(id, method, path)
		enc := newEncoder()
		enc.begin()
		enc.add(&e)
		var got struct {
			RequestID    string `json:"request_id"`
			Method, Path string
		}
		if err := json.Unmarshal(enc.out, &got); err != nil || bytes.Count(enc.out, []byte("\n")) != 1 {
			t.Fatalf("%q: %v", enc.out, err)
		}
		for _, field := range []struct {
			got, sent string
			most      int
		}{{got.RequestID, string(id), MaxID}, {got.Method, string(method), maxMethod}, {got.Path, string(path), MaxPath}} {
			if want := strings.ToValidUTF8(field.sent[:min(len(field.sent), field.most)], "\ufffd"); strings.ReplaceAll(field.got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
				t.Errorf("got %q, want %q", field.got, want)
			}
		}
	})
}
