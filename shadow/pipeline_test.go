package shadow

import (
	"fmt"
	"sync"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// clientOfEcho is the schema that clients see of one whose input x is filled by z.
var clientOfEcho = &tensor.Schema{MaxBatch: 8, Fills: true, Inputs: []tensor.Spec{
	{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}, Part: tensor.Filled}, {Name: "z", Type: tensor.FP32, Shape: []int64{-1, 4}, Part: tensor.Named},
}}

var columns = []origin.Column{{Input: "x", Name: "g:a"}, {Input: "x", Name: "g:b"}, {Input: "x", Name: "q", Group: origin.NoGroup}}

// filledRequest ran with rows of one value, and the client sent rows of another.
func filledRequest(id string, rows int, value, sent byte) *Request {
	q, s := request(id, rows, value), request(id, rows, sent)
	q.Client, q.Sent = clientOfEcho, []tensor.Tensor{{}, s.Inputs[0]}
	q.Filled = origin.Tally{Stored: 7, Default: 1, Stale: 2}
	q.Trail = &origin.Trail{}
	q.Trail.Begin(columns, 1, rows)
	for r := range rows {
		copy(q.Trail.Row(r), []origin.Status{origin.Cached, origin.Missing, origin.Request})
	}
	return q
}

// pipelines takes note of pairs in words.
type pipelines struct {
	fakeStudy
	lines sync.Map
}

func (p *pipelines) Add(pair *Pair) error {
	first := func(all []tensor.Tensor) int {
		if len(all) == 0 {
			return -1
		}
		return int(all[0].Data[0])
	}
	line := fmt.Sprint(first(pair.Inputs), first(pair.Primary), first(pair.Candidate), first(pair.Again), first(pair.OnRow), pair.Filled, pair.CandidateFilled)
	p.lines.Store(pair.ID, line)
	return nil
}

// A candidate that fills its inputs itself gets what the client sent, and then the primary's inputs; the primary is asked with what the client
// sent again.
func TestPipeline(t *testing.T) {
	f := func(orders, want, noSplit string) {
		t.Run(orders, func(t *testing.T) {
			study := &pipelines{}
			of := subject
			of.Mode = Pipeline
			s := newStage(t, orders, func(o *Options) {
				o.Again, o.NewStudy = 1, func(*Subject, []byte, []byte) (Study, error) { return study, nil }
			}, of)
			s.until("up", up)
			if !s.Resolves("m", []byte("id"), false, 0) || s.Resolves("n", nil, false, 0) {
				t.Error("the requests of the model are resolved, and of no other")
			}
			for busy := ^uint64(0); s.busy() != busy; {
				busy = s.busy()
				s.Offer(filledRequest("id", 4, 5, 9))
			}
			s.Offer(request("begun before", 4, 1))
			r := s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 1 })
			if got, _ := study.lines.Load("id"); got != want || r.NoSplit != noSplit || seen(&r) != 1 {
				t.Errorf("got  %s, %q, %+v\nwant %s", got, r.NoSplit, r.Coverage, want)
			}
		})
	}
	const filled = " &{7 1 2 0 [{x.g:a 4 0} {x.g:b 0 4}]} &{3 5 2 0 [{x.g:a 3 1} {x.g:c 0 4}]}"
	f("echo", "5 5 9 9 5"+filled, "")
	f("unsplit", "5 5 9 9 -1"+filled, "it has more columns")
}

// A shadow of the usual mode has nothing resolved for it.
func TestModelModeResolvesNothing(t *testing.T) {
	s := newStage(t, "echo", nil)
	s.until("up", up)
	if s.Resolves("m", []byte("id"), false, 0) {
		t.Error("a request is resolved")
	}
}

// Values that are late since the candidate was frozen say nothing of its stores: the request is dropped and counted.
func TestLateWhileFrozen(t *testing.T) {
	study := &pipelines{}
	of := subject
	of.Mode = Pipeline
	s := newStage(t, "late", func(o *Options) {
		o.NewStudy = func(*Subject, []byte, []byte) (Study, error) { return study, nil }
	}, of)
	s.until("up", up)
	s.Offer(filledRequest("first", 4, 5, 9))
	s.until("compared", func(r *Report) bool { return r.Coverage.Compared == 1 })
	s.Offer(filledRequest("second", 4, 5, 9))
	s.until("asked", func(*Report) bool { return s.candidates("m")[0].asking() })
	s.Pause(true)
	s.Pause(false)
	r := s.until("dropped", func(r *Report) bool { return r.Coverage.Dropped["late"] == 1 })
	if r.Coverage.Compared != 1 {
		t.Errorf("%+v", r.Coverage)
	}
}

// What the client sent as the model takes it is copied once, and nothing is allocated for a copy.
func TestRingKeepsWhatWasSent(t *testing.T) {
	schema := &tensor.Schema{MaxBatch: 8, Inputs: []tensor.Spec{echo.Inputs[0], {Name: "k", Type: tensor.FP32, Shape: []int64{-1, 4}}}, Outputs: echo.Outputs}
	client := *schema
	client.Inputs = []tensor.Spec{{Name: "x", Part: tensor.Filled}, {Name: "k"}, {Name: "z", Part: tensor.Named}}
	q := filledRequest("id", 2, 5, 9)
	same := request("id", 2, 7).Inputs[0]
	q.Schema, q.Client = schema, &client
	q.Inputs, q.Sent = append(q.Inputs, same), []tensor.Tensor{{}, same, q.Sent[1]}
	if n := bytesOf(q); n != 4*32 { // x, k, z and the output
		t.Errorf("%d bytes", n)
	}
	r := newRing(16, 1<<10)
	offer := func() *slot {
		r.offer(q, 1, Low, clock.Now())
		s := r.take()
		if s == nil {
			t.Fatal("nothing was taken")
		}
		return s
	}
	s := offer()
	got := ""
	for i := range s.sent {
		got += fmt.Sprint(s.sent[i].Name, s.sent[i].Shape, s.sent[i].Data[0], " ")
	}
	if want := "k[2 4] 7 z[2 4] 9 "; got != want || s.spoiled {
		t.Errorf("got %q, want %q", got, want)
	}
	r.settle(s, compared)
	var f filling
	one := func() {
		s := offer()
		f.take(s)
		r.settle(s, compared)
	}
	for range 16 {
		one() // each slot has its memory then
	}
	if allocs := testing.AllocsPerRun(100, one); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	total(t, r)
}

// FuzzFilling: no header and no text of a column brings their reader down.
func FuzzFilling(f *testing.F) {
	f.Add([]byte("filled=500,cached=480,default=3,stale=0,late=0"))
	f.Add([]byte("filled=x"))
	f.Fuzz(func(t *testing.T, header []byte) {
		var one filling
		if got := one.read(header, nil); got != nil && (got.Stored < 0 || got.Default < 0 || got.Late < 0 || got.Stale < 0) {
			t.Errorf("%q is %+v", header, got)
		}
	})
}
