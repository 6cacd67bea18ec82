package batcher

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// badTraffic is random traffic to a model that fails on some rows, on some rows together and now
// and then. Rows are numbered over all requests.
type badTraffic struct {
	lanes, maxBatch int
	devices         int
	cost            time.Duration // of a run
	requests        []badRequest
	bad             map[uint64]bool
	pairs           [][2]uint64 // fail where both are in a run
	flukes          map[int]bool
	slow            map[int]bool // runs that take far too long, so that others are hedged
	kind            fault.Kind   // that the runner says of a bad row
	earning         bool         // all runs go well: the model earns its hedges

	// Counted while it plays.
	mu                                     sync.Mutex
	runs, repairs, apart, answered, hedges int
	alone                                  map[*task.Task]int // flukes in runs of one part
}

type badRequest struct {
	after  time.Duration // the one before
	first  uint64
	rows   int
	budget time.Duration
}

func drawBadTraffic(t *rapid.T) *badTraffic {
	s := &badTraffic{
		lanes: rapid.IntRange(1, 3).Draw(t, "lanes"), maxBatch: rapid.IntRange(1, 24).Draw(t, "max batch"),
		devices: rapid.IntRange(1, 2).Draw(t, "devices"), bad: map[uint64]bool{}, flukes: map[int]bool{}, slow: map[int]bool{}, alone: map[*task.Task]int{},
		cost: time.Duration(rapid.IntRange(1, 20).Draw(t, "cost")) * 100 * time.Microsecond,
		kind: rapid.SampledFrom([]fault.Kind{fault.ModelRejectedInput, fault.InferenceFailed}).Draw(t, "kind"),
	}
	share := rapid.SampledFrom([]int{1, 2, 5, 20, 1000}).Draw(t, "one row is bad in")
	row := uint64(0)
	for range rapid.IntRange(1, 60).Draw(t, "requests") {
		r := badRequest{first: row, rows: 1, budget: time.Second}
		if rapid.IntRange(0, 3).Draw(t, "larger") == 0 {
			r.rows = rapid.IntRange(1, 2*s.maxBatch).Draw(t, "rows")
		}
		if rapid.IntRange(0, 2).Draw(t, "pause") == 0 {
			r.after = time.Duration(rapid.IntRange(0, 3000).Draw(t, "after")) * time.Microsecond
		}
		if rapid.IntRange(0, 3).Draw(t, "short") == 0 {
			r.budget = time.Duration(rapid.IntRange(1, 100).Draw(t, "budget")) * s.cost
		}
		for range r.rows {
			if rapid.IntRange(1, share).Draw(t, "bad") == 1 && share < 1000 {
				s.bad[row] = true
			}
			row++
		}
		s.requests = append(s.requests, r)
	}
	for range rapid.IntRange(0, 4).Draw(t, "pairs") {
		s.pairs = append(s.pairs, [2]uint64{rapid.Uint64Range(0, row-1).Draw(t, "one"), rapid.Uint64Range(0, row-1).Draw(t, "other")})
	}
	for range rapid.IntRange(0, 4).Draw(t, "flukes") {
		s.flukes[rapid.IntRange(0, 60).Draw(t, "fluke")] = true
	}
	for range rapid.IntRange(0, 4*(s.devices-1)).Draw(t, "slow runs") {
		s.slow[rapid.IntRange(0, 60).Draw(t, "slow run")] = true
	}
	return s
}

// fails is the runner's error on a run, and whether that is a fluke.
func (s *badTraffic) fails(run int, rows []uint64) (fluke bool, err error) {
	for _, row := range rows {
		if s.bad[row] {
			return false, fault.Wrap(s.kind, errBroken, "the run failed")
		}
	}
	for _, p := range s.pairs {
		if slices.Contains(rows, p[0]) && slices.Contains(rows, p[1]) {
			return false, fault.Wrap(s.kind, errBroken, "the run failed")
		}
	}
	if s.flukes[run] {
		return true, fault.Wrap(fault.InferenceFailed, errBroken, "the run failed")
	}
	return false, nil
}

// isBad reports whether a request fails alone: whether a part of it does.
func (s *badTraffic) isBad(r badRequest) bool {
	for from := r.first; from < r.first+uint64(r.rows); from += uint64(s.maxBatch) {
		var rows []uint64
		for row := from; row < min(from+uint64(s.maxBatch), r.first+uint64(r.rows)); row++ {
			rows = append(rows, row)
		}
		if _, err := s.fails(-1, rows); err != nil {
			return true
		}
	}
	return false
}

// failing is a device's runner that fails as the traffic says.
type failing struct {
	*echo
	s *badTraffic
}

func (f failing) Run(lane int, parts []task.Part, limit clock.Instant) (task.Timing, error) {
	if f.s.earning {
		return f.echo.Run(lane, parts, limit)
	}
	f.s.mu.Lock()
	f.s.runs++
	run := f.s.runs
	f.s.mu.Unlock()
	if f.s.slow[run] {
		time.Sleep(20 * f.s.cost)
	}
	timing, err := f.echo.Run(lane, parts, limit)
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	var rows []uint64
	for _, p := range parts {
		for r := p.From; r < p.To; r++ {
			rows = append(rows, binary.LittleEndian.Uint64(p.Task.Inputs[0].Data[8*r:]))
		}
	}
	fluke, failed := f.s.fails(run, rows)
	if fluke && len(parts) == 1 {
		f.s.alone[parts[0].Task]++
	}
	if err == nil {
		err = failed
	}
	return timing, err
}

// play runs the traffic and returns what is wrong.
func (s *badTraffic) play(t *testing.T) (faults []string) {
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	devices := []policy.DeviceOptions{{Name: "a", Lanes: s.lanes}, {Name: "b", Lanes: 1}}[:s.devices]
	b, err := Start(Options{Devices: devices})
	if err != nil {
		t.Fatal(err)
	}
	runners := []failing{{&echo{cost: s.cost}, s}, {&echo{cost: s.cost}, s}}[:s.devices]
	spec := Spec{Name: "m", MaxBatch: s.maxBatch, Outputs: 1, Budget: time.Second}
	repairs := map[string]int{}
	observe := func(r *BatchReport) {
		s.mu.Lock()
		defer s.mu.Unlock()
		repairs[r.Device] += r.Repairs
		s.repairs, s.apart = s.repairs+r.Repairs, s.apart+r.Apart
	}
	for i, d := range devices {
		spec.Placements = append(spec.Placements, Placement{Device: d.Name, Runner: runners[i], Curve: cost.Curve{{Rows: 1, P50: s.cost}, {Rows: s.maxBatch, P50: s.cost}}, Observe: observe})
	}
	m, err := b.Add(spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.slow) > 0 {
		s.earning = true
		earnHedges(t, m, 10)
		s.earning = false
	}
	tasks, ended := make([]*task.Task, len(s.requests)), make([]clock.Instant, len(s.requests))
	var wg sync.WaitGroup
	for i, r := range s.requests {
		time.Sleep(r.after)
		tasks[i] = newTask(r.first, r.rows, r.budget)
		wg.Go(func() {
			tasks[i].Err = m.Predict(tasks[i])
			ended[i] = clock.Now()
		})
		synctest.Wait() // so that they come in order
	}
	wg.Wait()
	if stats, ok := m.Stats(); ok {
		for _, d := range stats.Devices {
			s.hedges += int(d.Hedges)
		}
	}
	b.Close()
	for i, tk := range tasks {
		if why := s.judge(s.requests[i], tk, ended[i], s.alone[tk]); why != "" {
			wrong("the request of %d rows from %d: %s", tk.Rows, s.requests[i].first, why)
		}
	}
	for i, d := range devices {
		if others := len(runners[i].seen()) - repairs[d.Name]; len(s.slow) == 0 && repairs[d.Name] > others/3+1 {
			wrong("%d repair runs on %s beside %d others", repairs[d.Name], d.Name, others)
		}
	}
	return faults
}

// judge holds a request's end against what may have happened to it.
func (s *badTraffic) judge(r badRequest, tk *task.Task, ended clock.Instant, flukes int) string {
	if tk.Err == nil {
		s.answered++
		if s.isBad(r) {
			return "it is bad and was answered"
		}
		for i := range tk.Rows {
			if got, want := binary.LittleEndian.Uint64(tk.Outputs[0].Data[8*i:]), r.first+uint64(i)+1; got != want {
				return fmt.Sprintf("row %d came back as %d, want %d", i, got, want)
			}
		}
		return ""
	}
	switch kind := fault.Of(tk.Err).Kind; {
	case kind == fault.Overloaded || kind == fault.BudgetTooShort:
	case kind == fault.DeadlineExceeded && r.budget < time.Second: // there is time for all in one
	case kind == fault.DeadlineExceeded && s.devices > 1 && (s.isBad(r) || flukes > 0): // failures have broken a device
	case (kind == fault.DeadlineExceeded || kind == fault.NoCapacity) && len(s.slow) > 0: // likewise, the slow runs
	case s.isBad(r) && (kind == fault.ModelRejectedInput || kind == s.kind):
	case kind == fault.InferenceFailed && flukes >= 1:
	case kind == fault.ModelRejectedInput && flukes >= 2:
	default:
		return fmt.Sprintf("bad %v, %d flukes in runs of its own, ended %v before the deadline with %v", s.isBad(r), flukes, tk.Deadline.Sub(ended), tk.Err)
	}
	return ""
}

// A request without a bad row is never answered with an error of the input or of a neighbour,
// and each ends once, whatever fails and when: rows, pairs of rows, runs now and then. Repair
// runs stay within a quarter of the runs, and one.
func TestGoodRequestsAreNeverBlamed(t *testing.T) {
	repairs, apart, answered, hedges := 0, 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := drawBadTraffic(rt)
		var faults []string
		synctest.Test(t, func(t *testing.T) { faults = s.play(t) })
		if len(faults) > 0 {
			rt.Fatalf("%v", faults)
		}
		repairs, apart, answered = repairs+s.repairs, apart+s.apart, answered+s.answered
		hedges += s.hedges
	})
	t.Logf("%d repair runs, %d parts set apart, %d requests answered, %d hedges", repairs, apart, answered, hedges)
	if repairs < 20 || apart < 20 || answered < 100 {
		t.Error("the test proves little")
	}
}
