package stats

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// follow gives a run to Live as an engine would: requests in the order of their ends, a tick
// every quarter of a second.
func follow(l *Live, samples []sample.Sample, every, length time.Duration, tick func(s Snapshot)) {
	end := func(m *sample.Sample) time.Duration {
		switch {
		case m.Last > 0:
			return m.Last
		case m.Written > 0:
			return m.Written + 500*ms // it was given up
		default:
			return m.Noticed
		}
	}
	order := make([]int, len(samples))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(end(&samples[a]) - end(&samples[b])) })
	fed := 0
	for now := every; now <= length; now += every {
		var p Progress
		for i := range samples {
			if samples[i].Intended < now {
				p.Due++
			}
			if w := samples[i].Written; w > 0 && w < now {
				p.Written++
			}
		}
		for fed < len(order) && end(&samples[order[fed]]) < now {
			l.Ended(&samples[order[fed]])
			fed++
		}
		tick(l.Tick(now, p))
	}
}

// steady is 100 requests a second for a while, each answered after 5 ms.
func steady(seconds int) []sample.Sample {
	var samples []sample.Sample
	for i := range seconds * 100 {
		m := answered(time.Duration(i)*10*ms, 10*us, 30*us, 5*ms, 5*ms)
		m.Server, m.Batch = [sample.Stages]uint32{100, 900, 3000, 200}, 2
		samples = append(samples, m)
	}
	return samples
}

func TestLiveOfASteadyRun(t *testing.T) {
	l := NewLive(Window{From: time.Second, To: 4 * time.Second})
	var snaps []Snapshot
	follow(l, steady(4), 250*ms, 4500*ms, func(s Snapshot) { snaps = append(snaps, s) })
	s := snaps[11] // at 3 s
	if s.Elapsed != 3*time.Second || s.Offered != 100 || s.Sent != 100 || math.Abs(s.Good-100) > 1 || s.InFlight > 1 {
		t.Errorf("rates %+v", s)
	}
	if n := s.Outcomes[sample.OK]; n != 200 && n != 199 { // two seconds of the window, less what is under way
		t.Errorf("%d answers at 3 s", n)
	}
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.01*want {
			t.Errorf("%s is %v, want about %v", name, got, want)
		}
	}
	near("p50", s.Response.P50, 5)
	near("max", s.Response.Max, 5)
	near("recent p99", s.Recent.Response.P99, 5)
	near("recent service p50", s.Recent.Service.P50, 4.97)
	near("lag", s.LagP99, 0.03)
	near("batch", s.BatchMean, 2)
	if s.Response.P99 != 0 || s.Late != 0 || s.Verified != s.Outcomes[sample.OK] {
		t.Errorf("p99 of too few, late or verified: %+v", s)
	}
	var names []string
	var sum float64
	for _, stage := range s.Stages {
		names = append(names, stage.Name)
		sum += stage.Mean
	}
	near("the stages' sum", sum, 5)
	if len(names) != parts || names[4] != "queue" {
		t.Errorf("stages %v", names)
	}
	// During the warm-up there are rates, and no totals.
	if s := snaps[3]; s.Offered != 100 || s.Response.N != 0 || s.Recent.Response.N == 0 {
		t.Errorf("at 1 s: %+v", s)
	}
	series := l.Series()
	if len(series) != 3 {
		t.Fatalf("%d seconds: %+v", len(series), series)
	}
	for k, second := range series {
		if second.T != float64(k) || second.Offered != 100 || second.Sent != 100 || second.Good != 100 || second.Outcomes["ok"] != 100 || second.InFlight > 1 {
			t.Errorf("second %+v", second)
		}
		near("p99 of a second", second.P99, 5)
		near("service of a second", second.Service, 4.97)
		near("lag of a second", second.Lag, 0.03)
	}
	if s := snaps[len(snaps)-1]; s.Good > 50 || s.Offered > 50 || s.InFlight != 0 || s.Outcomes[sample.OK] != 300 {
		t.Errorf("half a second after the end: %+v", s)
	}
}

// A stall shows while it lasts: nothing is answered, and a condition on latency is broken.
func TestLiveOfAStall(t *testing.T) {
	samples := steady(4)
	for i := range samples { // the server stands still from 1 s to 3 s
		if m := &samples[i]; m.Last > time.Second && m.Last < 3*time.Second {
			m.First, m.Last = 3010*ms, 3010*ms
		}
	}
	l := NewLive(Window{To: 4 * time.Second})
	abort, err := result.ParseAbort("p99<20ms for 2s")
	if err != nil {
		t.Fatal(err)
	}
	var ended time.Duration
	most := int64(0)
	follow(l, samples, 250*ms, 4*time.Second, func(s Snapshot) {
		most = max(most, s.InFlight)
		if ended == 0 && len(result.Aborts([]result.Condition{abort}, l.Series())) > 0 {
			ended = s.Elapsed
		}
	})
	if ended != 3*time.Second || most < 190 {
		t.Errorf("a stall from 1 s to 3 s ends the run at %v; %d were in flight", ended, most)
	}
	if s := l.Series()[1]; s.Good != 0 || s.Offered != 100 || s.P99 != 0 {
		t.Errorf("the second of the stall: %+v", s)
	}
	if s := l.Series()[3]; s.Good < 290 || s.Max < 1900 {
		t.Errorf("the second after it: %+v", s)
	}
}

// What Live says in the end is what Summarise says.
func TestLiveAgreesWithTheSummary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := random(t)
		w := Window{From: time.Duration(rapid.IntRange(0, 2000).Draw(t, "from")) * ms, To: 10 * time.Second}
		every := time.Duration(rapid.SampledFrom([]int{100, 250, 1000, 3000}).Draw(t, "every")) * ms
		l := NewLive(w)
		var last Snapshot
		seconds := 0
		follow(l, samples, every, 14*time.Second, func(s Snapshot) {
			last = s
			if n := len(l.Series()); n < seconds {
				t.Fatalf("the series shrinks from %d to %d", seconds, n)
			} else {
				seconds = n
			}
		})
		s := Summarise(samples, w, Options{Resamples: 1})
		got := []int64{last.Outcomes[sample.OK], last.Outcomes[sample.Wrong], last.Outcomes[sample.Rejected], last.Outcomes[sample.Lost], last.Late, last.Verified, last.Response.N, last.InFlight}
		want := []int64{s.Ledger.OK, s.Ledger.Wrong, s.Ledger.Rejected, s.Ledger.LostAfter, s.Load.Late, s.Verify.Checked, s.Response.N, 0}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if last.Response.Max != s.Response.Max {
			t.Fatalf("response %+v, want %+v", last.Response, s.Response)
		}
		// Whole seconds only, of which the last begins up to a quarter of a second late.
		if whole := int(w.Length() / time.Second); seconds != whole && every < 3*time.Second {
			t.Fatalf("%d seconds of %d", seconds, whole)
		}
		for i, second := range l.Series() {
			if second.T != float64(i) {
				t.Fatalf("second %d is at %v", i, second.T)
			}
		}
	})
}

// Requests of a time that Live has not been told of yet are kept apart from the last second.
func TestLiveThatIsTickedLate(t *testing.T) {
	l := NewLive(Window{To: time.Hour})
	follow(l, steady(2), 250*ms, 2*time.Second, func(Snapshot) {})
	m := answered(9*time.Second, 0, ms, 100*ms, 100*ms)
	l.Ended(&m)
	if s := l.Tick(2*time.Second, Progress{Due: 200, Written: 200}); s.Recent.Response.Max > 6 || s.Response.Max != 100 {
		t.Errorf("the last second has %+v", s.Recent.Response)
	}
	if s := l.Tick(10*time.Second, Progress{Due: 201, Written: 201}); s.Recent.Response.N != 0 || len(l.Series()) != 10 {
		t.Errorf("eight seconds later the last second has %+v; %d seconds", s.Recent.Response, len(l.Series()))
	}
}

func TestLiveTakesNoMemoryPerRequest(t *testing.T) {
	l := NewLive(Window{To: time.Hour})
	m := answered(time.Second, 10*us, 20*us, ms, 2*ms)
	m.Server, m.Batch = [sample.Stages]uint32{1, 2, 3, 4}, 3
	if n := testing.AllocsPerRun(1000, func() { l.Ended(&m) }); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}

func TestLiveOfNothing(t *testing.T) {
	l := NewLive(Window{To: time.Second})
	s := l.Tick(0, Progress{})
	want := Snapshot{Window: Window{To: time.Second}}
	if !reflect.DeepEqual(s, want) || l.Series() != nil {
		t.Errorf("got %+v", s)
	}
	// A clock that goes back, and a count that is older than the requests that have ended.
	l.Tick(time.Second, Progress{Due: 2, Written: 1})
	m := answered(0, 0, 1, 2, 3)
	l.Ended(&m)
	l.Ended(&m)
	if s := l.Tick(500*ms, Progress{Due: 2, Written: 1}); s.Elapsed != time.Second || s.InFlight != 0 {
		t.Errorf("got %+v", s)
	}
}
