package plan

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/task"
	"sluice/internal/trace"
	"sluice/plan/sim"
)

// recorded is a trace of requests at an even beat.
func recorded(n int, gap time.Duration) *Trace {
	t := &Trace{Models: []string{"resnet"}}
	for i := range n {
		t.Arrivals = append(t.Arrivals, sim.Arrival{At: gap * time.Duration(i), Rows: 1, Class: task.Normal})
	}
	t.Length = gap * time.Duration(n-1)
	return t
}

// yielded is all that the one source of a study yields.
func yielded(s Study) (all []sim.Arrival) {
	streams := s.streams(context.Background(), s.all())
	for a := (sim.Arrival{}); streams[0].Source.Next(&a); {
		all = append(all, a)
	}
	return all
}

func replayed(t *testing.T, tr *Trace) Study {
	s := study(t, "", resnet)
	s.Trace, s.Warmup, s.Length = tr, 0, 0
	return s
}

func TestReplayKeepsWhatWasRecorded(t *testing.T) {
	s := replayed(t, recorded(1000, ms))
	s.Overhead = ms
	all := yielded(s)
	for i, a := range all {
		if a.At != ms*time.Duration(i) || a.Budget != 24*ms || a.Rows != 1 || a.Class != task.Normal {
			t.Fatalf("arrival %d is %+v", i, a)
		}
	}
	if o := run(t, s); len(all) != 1000 || o.Arrived != 1000 || o.InTime != 1000 {
		t.Errorf("%d yielded, %d arrived, %d in time", len(all), o.Arrived, o.InTime)
	}
}

// Speed and scale change the rate by their product, and scale alone keeps the length; order
// and the draws' determinism hold always.
func TestReplayIsScaledAndSped(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := replayed(t, recorded(2000, ms))
		s.Scale = rapid.Float64Range(0.1, 6).Draw(rt, "scale")
		s.Speed = rapid.Float64Range(0.1, 10).Draw(rt, "speed")
		s.Jitter = time.Duration(rapid.Int64Range(1, 1e8).Draw(rt, "jitter"))
		s.Seed = rapid.Uint64().Draw(rt, "seed")
		all := yielded(s)
		if !slices.IsSortedFunc(all, func(a, b sim.Arrival) int { return int(a.At - b.At) }) {
			rt.Fatal("arrivals are out of order")
		}
		if want := 2000 * s.Scale; math.Abs(float64(len(all))-want) > 5*math.Sqrt(want)+1 {
			rt.Fatalf("%d arrivals, want about %.0f", len(all), want)
		}
		if last, want := all[len(all)-1].At, time.Duration(float64(1999*ms)/s.Speed); last > want+s.Jitter || s.Scale >= 1 && last < want {
			rt.Fatalf("the last arrival is at %v, want %v and at most %v more", last, want, s.Jitter)
		}
		if !slices.Equal(all, yielded(s)) {
			rt.Fatal("the same seed drew other arrivals")
		}
	})
}

func TestLargeRequestsAreSplit(t *testing.T) {
	tr := recorded(1, ms)
	tr.Arrivals[0].Rows = 70
	all := yielded(replayed(t, tr))
	var rows []int
	for _, a := range all {
		rows = append(rows, a.Rows)
	}
	if !slices.Equal(rows, []int{32, 32, 6}) {
		t.Errorf("parts of %v rows", rows)
	}
}

func TestTraceIsReadIntoAStudy(t *testing.T) {
	text := `{"sluice_trace":1}
{"t_ns":0,"model":"a","rows":3,"budget_ns":5000000,"priority":"high"}
{"t_ns":1000000,"model":"b"}
{"t_ns":2000000,"model":"a"}
`
	r, err := trace.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadTrace(r.Next)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Models, []string{"a", "b"}) || got.Length != 2*ms || !slices.Equal(got.Arrivals, []sim.Arrival{
		{At: 0, Model: 0, Rows: 3, Budget: 5 * ms, Class: task.High}, {At: ms, Model: 1, Rows: 1, Class: task.Normal}, {At: 2 * ms, Model: 0, Rows: 1, Class: task.Normal},
	}) {
		t.Errorf("trace %+v", got)
	}
	o := run(t, replayed(t, got))
	if o.Arrived != 3 || o.Models[0].Arrived != 2 || o.Models[1].Name != "b" {
		t.Errorf("outcome %+v", o.Models)
	}
	if _, err := ReadTrace(func(*trace.Arrival) error { return errors.New("line 7: broken") }); err == nil || err.Error() != "line 7: broken" {
		t.Errorf("error %v", err)
	}
}

// What is drawn can be recorded, and the recording replayed has the very same outcome.
func TestRecordingReplaysToTheSame(t *testing.T) {
	s := study(t, "gamma:2500,cv=2", resnet)
	s.Warmup, s.Length = 0, 5*time.Second
	s.Traffic[0].Rows, _ = ParseRows("1-4")
	drawn := run(t, s)

	var out bytes.Buffer
	w, err := trace.NewWriter(&out, trace.Header{Clock: "virtual"})
	if err != nil {
		t.Fatal(err)
	}
	streams := s.streams(context.Background(), s.all())
	for a := (sim.Arrival{}); streams[0].Source.Next(&a) && a.At < s.Length; {
		if err := w.Write(&trace.Arrival{At: a.At, Model: "resnet", Rows: a.Rows, Priority: a.Class}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := trace.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := ReadTrace(r.Next)
	if err != nil {
		t.Fatal(err)
	}
	again := replayed(t, tr)
	again.Length = s.Length
	if got := run(t, again); got.Counts != drawn.Counts || got.Latency.Mean != drawn.Latency.Mean || got.Latency.Max != drawn.Latency.Max {
		t.Errorf("drawn %+v, replayed %+v", drawn.Counts, got.Counts)
	}
}
