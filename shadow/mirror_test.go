package shadow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// fakeStudy counts pairs, and what it saw of them.
type fakeStudy struct {
	mu       sync.Mutex
	pairs    []Pair
	again    int
	restored string
}

func (f *fakeStudy) Add(p *Pair) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p.Again) > 0 {
		f.again++
	}
	kept := *p
	if p.Candidate != nil && string(p.Candidate[0].Data) != string(p.Primary[0].Data) {
		return errors.New("the candidate answered to other rows")
	}
	kept.Inputs, kept.Primary, kept.Candidate, kept.Again = nil, nil, nil, nil
	f.pairs = append(f.pairs, kept)
	return nil
}

func (f *fakeStudy) Hungry() bool { return false }

func (f *fakeStudy) Save() (sums, units []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Appendf(nil, `{"pairs": %d}`, len(f.pairs)), []byte("units"), nil
}

func (f *fakeStudy) Judged() []Judged              { return []Judged{{Criterion: "errors", Verdict: "WAIT"}} }
func (f *fakeStudy) Report(*Coverage) (any, error) { return f.restored, nil }

type idle struct{ waiting atomic.Bool }

func (i *idle) Waiting() bool { return i.waiting.Load() }
func (i *idle) Load() float64 { return 0.5 }

var subject = Subject{Model: "m", Primary: Side{"1", "d1"}, Candidate: Side{"2", "d2"}}

// stage is a mirror with one candidate.
type stage struct {
	*Mirror
	t     *testing.T
	study *fakeStudy
	live  *idle
}

func newStage(t *testing.T, orders string, change func(*Options), subjects ...Subject) *stage {
	s := &stage{t: t, study: &fakeStudy{}, live: &idle{}}
	o := Options{
		Sample: 1, Rows: 64, Bytes: 1 << 16, Memory: 1 << 30, InFlight: 1, Timeout: time.Minute, Keeps: func() bool { return true },
		Live: s.live, Command: command(orders),
		NewStudy: func(_ *Subject, sums, units []byte) (Study, error) {
			s.study.restored = string(sums) + string(units)
			return s.study, nil
		},
	}
	if change != nil {
		change(&o)
	}
	s.Mirror = New(o)
	t.Cleanup(s.Close)
	if len(subjects) == 0 {
		subjects = []Subject{subject}
	}
	s.Follow(subjects)
	return s
}

func (s *stage) report() Report { return s.Reports("m")[0] }

// until waits for something that the candidate is or has.
func (s *stage) until(what string, is func(r *Report) bool) Report {
	s.t.Helper()
	for begun := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		r := s.report()
		if c := &r.Coverage; c.Seen != c.Compared+c.Waiting+sumOf(c.Dropped)+sumOf(c.Failed) {
			s.t.Fatalf("the account does not add up: %+v", c)
		}
		if is(&r) {
			return r
		}
		if time.Since(begun) > 20*time.Second {
			s.t.Fatalf("%s: not so: %+v", what, r)
		}
	}
}

func sumOf(m map[string]uint64) (n uint64) {
	for _, k := range m {
		n += k
	}
	return n
}

func up(r *Report) bool { return r.State == Up }

// offer mirrors so many requests. One that came while the ring was busy comes again.
func (s *stage) offer(n int) {
	for i := range n {
		for busy := ^uint64(0); s.busy() != busy; {
			busy = s.busy()
			s.Offer(request(fmt.Sprintf("id-%d", i), 2, byte(i)))
		}
	}
}

func (s *stage) busy() uint64 { return s.report().Coverage.Dropped["busy"] }

// seen is how many requests the ring was not busy for.
func seen(r *Report) uint64 { return r.Coverage.Seen - r.Coverage.Dropped["busy"] }

func TestCompares(t *testing.T) {
	s := newStage(t, "echo", func(o *Options) { o.Again, o.InFlight = 1, 2 })
	s.until("up", up)
	s.offer(20)
	r := s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 20 })
	if r.PID == 0 || r.Restarts != 0 || seen(&r) != 20 || r.Coverage.Levels[Middle].Seen+r.Coverage.Levels[Low].Seen != r.Coverage.Seen || r.NoAgain != "" {
		t.Errorf("%+v", r)
	}
	if s.study.again != 20 || s.study.pairs[0].Rows != 2 || s.study.pairs[0].CandidateRun != 1500*time.Microsecond || !strings.HasPrefix(s.study.pairs[0].ID, "id-") {
		t.Errorf("%d pairs with A/A, the first is %+v", s.study.again, s.study.pairs[0])
	}
	other := request("x", 1, 1)
	other.Digest = "d9" // of the version before, which was live a moment ago
	s.Offer(other)
	other.Model = "other"
	s.Offer(other)
	if r := s.report(); seen(&r) != 20 {
		t.Errorf("%+v were seen", r.Coverage)
	}
}

// While live requests wait nothing is mirrored, and nothing while everything is frozen.
func TestStandsBack(t *testing.T) {
	s := newStage(t, "echo", func(o *Options) { o.Rows = 8 })
	s.until("up", up)
	s.live.waiting.Store(true)
	s.offer(10) // of two rows each
	if r := s.report(); r.Coverage.Compared != 0 || r.Coverage.Waiting != 4 || r.Coverage.Dropped["ring_rows"] != 6 {
		t.Errorf("%+v", r.Coverage)
	}
	s.live.waiting.Store(false)
	r := s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 4 })
	s.Pause(true)
	s.offer(10)
	if now := s.report(); seen(&now) != 10 || !now.Frozen {
		t.Errorf("frozen: %+v", now.Coverage)
	}
	s.until("halted", func(*Report) bool { return halted(r.PID) })
	s.Pause(true) // once more is the same
	s.Pause(false)
	s.offer(3)
	s.until("goes on", func(r *Report) bool { return r.Coverage.Compared == 7 })
}

// halted tells whether a process is stopped: the signal takes effect when the process is scheduled.
func halted(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return strings.Contains(string(stat), ") T ")
}

// What a candidate does wrong is counted, and it is started again where it may be.
func TestFaults(t *testing.T) {
	f := func(orders, failure, reason string, change func(*Options), state State) {
		t.Run(orders, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, orders, change)
			if failure != "" {
				s.until("up", up)
				s.offer(3)
				s.until("failed", func(r *Report) bool { return r.Coverage.Failed[failure] > 0 })
			}
			r := s.until(string(state), func(r *Report) bool { return r.State == state })
			if !strings.Contains(r.Reason, reason) {
				t.Errorf("the reason is %q; want %q", r.Reason, reason)
			}
			s.offer(2)
			if state != Up && s.report().Coverage.Dropped["not_running"] < 2 {
				t.Errorf("%+v", s.report().Coverage)
			}
		})
	}
	f("crash", "gone", "exit status 3: a driver gave up", nil, Waiting)
	f("hang", "timeout", "it has not answered within 300ms (shadow.timeout)", func(o *Options) { o.Timeout = 300 * time.Millisecond }, Waiting)
	f("bomb", "gone", "the limit is 268435456 (shadow.memory)", func(o *Options) { o.Memory = 256 << 20 }, Waiting)
	f("fail", "error", "", nil, Up)
	f("garbage", "malformed", "", nil, Up)
	f("refused", "", "golden: its rows are wrong", nil, Halted)
	f("other files", "", "its files are others now", nil, Halted)
	f("mute", "", "does not say what it has loaded", nil, Waiting)
}

// A candidate that is killed comes back, and one that somebody stops with SIGSTOP is ended as one that hangs.
func TestKilled(t *testing.T) {
	f := func(signal syscall.Signal, timeout time.Duration) {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "echo", func(o *Options) { o.Timeout = timeout })
			first := s.until("up", up)
			if err := syscall.Kill(first.PID, signal); err != nil {
				t.Fatal(err)
			}
			if signal == syscall.SIGSTOP {
				s.until("halted", func(*Report) bool { return halted(first.PID) })
			}
			s.offer(5)
			s.until("is back", func(r *Report) bool { return r.State == Up && r.PID != first.PID && r.Restarts == 1 })
			s.offer(5)
			s.until("compares again", func(r *Report) bool { return r.Coverage.Compared >= 5 && r.Coverage.Waiting == 0 })
		})
	}
	f(syscall.SIGKILL, time.Minute)
	f(syscall.SIGSTOP, 300*time.Millisecond)
}

func TestGoesOnWithItsState(t *testing.T) {
	dir := t.TempDir()
	keep := func(o *Options) { o.Dir = dir }
	s := newStage(t, "echo", keep)
	s.until("up", up)
	s.offer(6)
	s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 6 })
	s.Close()
	s = newStage(t, "echo", keep)
	if r := s.report(); r.Coverage.Compared != 6 || r.Study != `{"pairs":6}units` {
		t.Errorf("%+v", r)
	}
	s.Close()
	for name, text := range map[string]string{"not JSON": "{", "other version": `{"version":7}`, "wrong account": `{"version":1,"counts":[{"Seen":3},{},{}]}`} {
		if err := os.WriteFile(filepath.Join(dir, "m", "2.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s = newStage(t, "echo", keep)
		if r := s.report(); r.Coverage.Compared != 0 || r.Study != "" {
			t.Errorf("%s: %+v", name, r)
		}
		s.Follow(nil)
		s.Close()
	}
}

// With other settings of comparisons a comparison begins anew at once, and does not go on with the sums of the old one.
func TestOtherSettings(t *testing.T) {
	dir := t.TempDir()
	core, logs := observer.New(zap.InfoLevel)
	s := newStage(t, "echo", func(o *Options) { o.Dir, o.Log = dir, zap.New(core) })
	s.until("up", up)
	s.offer(3)
	s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 3 })
	other := subject
	other.Settings = "others"
	s.Follow([]Subject{other})
	s.Follow([]Subject{other})
	if r := s.report(); r.Coverage.Compared != 0 || r.Settings != "others" {
		t.Errorf("%+v", r)
	}
	if n := logs.FilterMessageSnippet("begins anew: the model's settings").Len(); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
	s.Follow([]Subject{subject}) // whose state is there, of another comparison than the last
	s.until("up", up)
	s.offer(2)
	s.until("compared", func(r *Report) bool { return r.Coverage.Compared >= 2 })
}

// A candidate of another model is asked by that model's name, beside the primary of the same number, and has a state of its own.
func TestOfAnotherModel(t *testing.T) {
	dir := t.TempDir()
	other := Subject{Model: "m", Of: "n", Primary: Side{"1", "d1"}, Candidate: Side{"1", "n1"}}
	begin := func() *stage {
		return newStage(t, "echo", func(o *Options) { o.Dir, o.Again = dir, 1 }, other)
	}
	s := begin()
	s.until("up", up)
	s.offer(6)
	r := s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 6 })
	if r.NoAgain != "" || s.study.again != 6 || r.Name() != "n:1" || r.CandidateModel() != "n" || s.Snapshots()[0].Name() != "n:1" {
		t.Errorf("%d asked again, %+v", s.study.again, r)
	}
	if s.Begin("m", "1") || !s.Begin("m", "n:1") {
		t.Error("the candidate is not found by its name, or by another")
	}
	s.Close()
	if r := begin().report(); r.Coverage.Compared != 6 {
		t.Errorf("it does not go on with its state: %+v", r)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "m", "*")); err != nil || len(files) != 2 || filepath.Base(files[0]) != "n:1.json" {
		t.Errorf("its files are %v, %v", files, err)
	}
}

// Requests that the empty ring has no room for are told once in the log, and in the coverage.
func TestTooLarge(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	s := newStage(t, "echo", func(o *Options) { o.Rows, o.Bytes, o.Log = 4, 1<<10, zap.New(core) })
	s.until("up", up)
	f := func(rows int, want string) {
		t.Helper()
		for busy := ^uint64(0); s.busy() != busy; {
			busy = s.busy()
			s.Offer(request("id", rows, 1))
		}
		if got := s.report().Coverage.TooLarge; got != want {
			t.Errorf("%d rows: %q, want %q", rows, got, want)
		}
	}
	f(4, "")
	s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 1 })
	f(5, "requests of more than 4 rows are never mirrored, and one had 5: raise shadow.max_rows")
	s.until("logged", func(*Report) bool { return logs.FilterMessageSnippet("smaller requests than there are").Len() == 1 })
	f(33, "requests of more than 4 rows are never mirrored, and one had 33: raise shadow.max_rows; requests of more than 1024 bytes are never mirrored, and one had 1056: raise shadow.max_bytes")
	f(6, s.report().Coverage.TooLarge)
	if n := logs.FilterMessageSnippet("smaller requests than there are").Len(); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
	if r := s.report(); r.Coverage.Dropped["ring_rows"] != 3 {
		t.Errorf("%+v", r.Coverage)
	}
}

// The share of the units that are mirrored is that of the settings, and all requests of a unit go one way.
func TestSamples(t *testing.T) {
	s := newStage(t, "refused", func(o *Options) { o.Sample = 0.25 })
	for i := range 4000 {
		q := request("the same", 1, 0)
		q.Known, q.Unit = true, uint64(i/2)*0x9e3779b97f4a7c15
		s.Offer(q)
	}
	if n := s.report().Coverage.Seen; n%2 != 0 || n < 850 || n > 1150 {
		t.Errorf("%d of 4000 requests of 2000 units were sampled", n)
	}
}

func FuzzDecodeState(f *testing.F) {
	f.Add([]byte(`{"version":1,"subject":{"model":"m"},"counts":[{},{"Seen":1,"Compared":1},{}],"sums":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := decodeState(text)
		if err != nil {
			return
		}
		r := newRing(1, 64)
		r.resume(st.Counts)
		if c := total(t, r); c.Waiting != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// fakeTax takes note of pairs, and says that they exceed a limit from the third on.
type fakeTax struct{ pairs []TaxPair }

func (f *fakeTax) Add(p *TaxPair) string {
	if f.pairs = append(f.pairs, *p); len(f.pairs) > 2 {
		return "it costs too much"
	}
	return ""
}

func (f *fakeTax) Report() any { return len(f.pairs) }

// In a slice without them candidates are halted and nothing is mirrored; with too few answers a pair does not count; and candidates
// that cost too much are stopped until somebody begins them again.
func TestSwitchback(t *testing.T) {
	s := newStage(t, "echo", nil)
	tax := &fakeTax{}
	s.slice, s.settles = 60*time.Millisecond, 10*time.Millisecond
	s.mu.Lock()
	s.mu.tax = tax
	s.mu.Unlock()
	s.until("up", up)
	if s.pair() || len(tax.pairs) > 0 {
		t.Error("a pair without answers counts")
	}
	var answering sync.WaitGroup
	quit := make(chan struct{})
	defer answering.Wait()
	defer close(quit)
	answering.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-time.After(100 * time.Microsecond):
				for range 20 {
					s.Answered(time.Millisecond)
				}
				s.Offer(request("id", 1, 1))
			}
		}
	})
	for n := 1; n <= 3; n++ {
		for begun := time.Now(); !s.pair(); {
			if time.Since(begun) > 20*time.Second {
				t.Fatal("no pair counts")
			}
		}
	}
	if p := &tax.pairs[0]; p.On.Answers < leastAnswers || p.Off.Answers < leastAnswers || p.On.P99.Round(20*time.Microsecond) != time.Millisecond || p.Off.CPU <= 0 {
		t.Errorf("%+v", p)
	}
	r := s.until("stopped", func(r *Report) bool { return r.State == Halted })
	if r.Reason != "it costs too much" || r.Tax != 3 || r.PID != 0 {
		t.Errorf("%+v", r)
	}
	s.Pause(true)
	if s.pair() {
		t.Error("a pair counts that somebody froze")
	}
	s.Pause(false)
	if s.Begin("m", "3") || !s.Begin("m", "2") {
		t.Error("the candidate is not found, or another is")
	}
	s.until("up again", up)
}
