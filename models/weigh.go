package models

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"sluice/internal/clock"
	complaints "sluice/internal/complaint"
	"sluice/internal/memory"
	"sluice/internal/tensor"
)

// What a row takes is seen in rows of rising length, each twice as long as the one before: the
// memory at the longest three says how it goes on. The runs stop where the next might take a
// second or two, or more memory than one run may.
const (
	weighRun   = 500 * time.Millisecond // the next takes up to four times as long
	weighLimit = 4 * time.Second        // for all series
	// weighMost is the memory beyond which a longer row says nothing new: at a quarter of it noise is
	// one part in sixty. More would only make each load slower, the more memory the machine has.
	weighMost = 256 << 20
	// weighElements bounds the elements of a row that is made up.
	weighElements = 1 << 20
	weighAxes     = 3 // axes that are weighed each by itself
	maxWeighed    = 256
)

// Weighing is what a row of a length took of memory.
type Weighing struct {
	// Axis is the one that had the length while the others were short; empty if all of the Axes had it.
	Axis   string `json:"axis,omitempty"`
	Axes   int    `json:"axes"`
	Length int64  `json:"length"`
	Bytes  int64  `json:"bytes"`
	// Unfinished is a run of which no end is known, or that ran out of memory: such a row is too long.
	Unfinished bool `json:"unfinished,omitempty"`
}

// weigher makes up rows of given lengths and runs each series of them on a session that has seen
// nothing longer: ONNX Runtime keeps memory that it has once had.
type weigher struct {
	*tryout
	made       *tensor.Schema // what rows are made up for
	row        *sample        // what rows are made of, if none can be made up
	axes       []tensor.Axis
	with       profile
	most       int64 // bytes of one run
	base       int64 // resident before the first run
	run, limit time.Duration
	told       func(Weighing)
}

// newWeigher prepares to weigh rows that are made up as the model is known to take them.
func newWeigher(g *Graph, with profile, most int64, told func(Weighing)) *weigher {
	w := &weigher{
		tryout: &tryout{graph: g, schema: g.whole(), limit: observeRun}, made: &g.Schema, with: with,
		most: most, run: weighRun, limit: weighLimit, told: told,
	}
	if g.rowsAreAnAxis() {
		w.made = w.schema
	}
	first := 0
	if w.made.Batchable() {
		first = 1
	}
	w.axes, _ = g.axes(w.made, first)
	return w
}

// from has rows made of one that the model takes, longer and longer. It tells whether that can be.
func (w *weigher) from(request *sample) bool {
	if request == nil {
		return false
	}
	row := *request
	if w.made.Batchable() {
		var err error
		if row, err = row.row(0); err != nil {
			return false
		}
	}
	w.row, w.with.free = &row, 1
	for a := range w.axes {
		for _, p := range w.axes[a].At {
			w.with.free = max(w.with.free, row.inputs[p.Input].Shape[p.Dim])
		}
	}
	return true
}

// weigh runs rows of rising length, all free axes together and then each by itself. told hears of
// each run when it begins, as unfinished, and when it has ended: a run may be the process's last.
func (w *weigher) weigh(ctx context.Context, open func(context.Context) (Session, error)) error {
	if len(w.axes) == 0 {
		return nil
	}
	series := []string{""}
	if n := len(w.axes); n > 1 {
		for a := range min(n, weighAxes) {
			series = append(series, w.axes[a].Name)
		}
	}
	for _, axis := range series {
		session, err := open(ctx)
		if err != nil {
			return err
		}
		w.session = session
		w.series(axis, clock.Now().Add(w.limit/time.Duration(len(series))))
		if err := session.Close(); err != nil {
			return err
		}
	}
	return nil
}

// series weighs rows that are longer each time, until the next would take too much.
func (w *weigher) series(axis string, until clock.Instant) {
	together := 1
	if axis == "" {
		together = len(w.axes)
	}
	// Twice the length takes four times as much at most, for each axis that is longer.
	more := math.Pow(4, float64(together))
	debug.FreeOSMemory()
	w.base = memory.Own("VmRSS")
	for length := w.with.free; ; length *= 2 {
		request := w.request(axis, length)
		if request == nil {
			return
		}
		began := clock.Now()
		bytes, ran := w.peak(axis, length, request)
		if !ran || float64(max(bytes, noise))*more > float64(min(w.most, weighMost)) {
			return
		}
		if now := clock.Now(); now.Sub(began) > w.run || now > until {
			return
		}
	}
}

// request makes up a row whose axis, or each of whose axes, has the length; nil if that is too much.
func (w *weigher) request(axis string, length int64) *sample {
	s := newSynthesis(w.made, w.graph.Hints, w.with)
	s.lengths = map[[2]int]int64{}
	for a := range w.axes {
		if axis == "" || w.axes[a].Name == axis {
			for _, p := range w.axes[a].At {
				s.lengths[[2]int{p.Input, p.Dim}] = length
			}
		}
	}
	rows := 1
	if w.made.Batchable() && w.graph.FixedBatch > 0 {
		rows = w.graph.FixedBatch
	}
	shapes := make([][]int64, len(w.made.Inputs))
	for i := range shapes {
		elements := float64(rows)
		for dim, size := range w.made.Inputs[i].Shape {
			n := s.dimension(i, dim, size, 0)
			if _, set := s.lengths[[2]int{i, dim}]; w.row != nil && !set {
				n = w.row.inputs[i].Shape[dim]
			}
			shapes[i] = append(shapes[i], n)
			elements *= float64(max(n, 1))
		}
		if elements > weighElements {
			return nil
		}
	}
	row := w.rowOf(s, shapes)
	if row == nil || rows == 1 {
		return row
	}
	return manyOf([]sample{*row}, rows, w.made)
}

// rowOf makes a row of those shapes; nil if it cannot be made.
func (w *weigher) rowOf(s *synthesis, shapes [][]int64) *sample {
	if w.row == nil {
		row := s.sample(0)
		return &row
	}
	row := &sample{rows: 1, inputs: make([]tensor.Tensor, len(shapes))}
	for i := range shapes {
		var err error
		if row.inputs[i], err = stretch(&w.row.inputs[i], shapes[i]); err != nil {
			return nil
		}
	}
	return row
}

// peak runs a request and tells how much more memory there was, at the most, than before the first.
func (w *weigher) peak(axis string, length int64, request *sample) (bytes int64, ran bool) {
	said := Weighing{Axis: axis, Axes: len(w.axes), Length: length, Unfinished: true}
	w.told(said)
	debug.FreeOSMemory() // what making up rows has left behind is none of theirs
	forgetPeak()
	err := w.within(func() error {
		t, err := w.ask(request)
		t.Release()
		return err
	})
	said.Bytes = max(0, max(memory.Own("VmHWM"), memory.Own("VmRSS"))-w.base)
	var why *complaints.Error
	said.Unfinished = errors.As(err, &why) && why.Kind == complaints.Memory
	if err != nil && !said.Unfinished {
		said.Bytes = -1 // the model takes no such row
	}
	w.told(said)
	return said.Bytes, err == nil
}

// within runs f while the process may take no more than one run may, and half as much again for a
// guess that was wrong: what goes beyond is an error of the library, and not the machine's end.
func (w *weigher) within(f func() error) error {
	const spare = 256 << 20
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &old); err != nil {
		return f()
	}
	limit := old
	limit.Cur = min(old.Cur, uint64(memory.Own("VmData")+w.most+w.most/2+spare))
	if syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) == nil {
		defer syscall.Setrlimit(syscall.RLIMIT_DATA, &old) //nolint:errcheck // it was so before
	}
	return f()
}

// scale is what rows take by their lengths, as the trial's runs show.
type scale struct {
	known bool
	joint tensor.Growth
	cap   int64 // product that is known to be too much for a run, or more than there is
	each  map[string]tensor.Growth
	caps  map[string]int64
}

// scale fits curves through what was weighed. o may be nil.
func (o *Observation) scale() *scale {
	sc := &scale{cap: math.MaxInt64, each: map[string]tensor.Growth{}, caps: map[string]int64{}}
	if o == nil {
		return sc
	}
	points := map[string][]weighed{}
	for _, w := range o.Weighed {
		length := w.Length
		if w.Axis == "" {
			for range w.Axes - 1 {
				length = multiply(length, w.Length)
			}
		}
		switch {
		case w.Unfinished && w.Axis == "":
			shorter := int64(1)
			for range w.Axes {
				shorter = multiply(shorter, max(1, w.Length/2))
			}
			sc.cap = min(sc.cap, shorter)
		case w.Unfinished:
			sc.caps[w.Axis] = max(1, w.Length/2)
		case w.Bytes >= 0:
			points[w.Axis] = append(points[w.Axis], weighed{length, w.Bytes})
		}
	}
	for axis, all := range points {
		if axis != "" {
			sc.each[axis] = fit(all)
		}
	}
	sc.joint, sc.known = fit(points[""]), len(points[""]) > 0
	return sc
}

// own is what a row takes by the length of one of several axes, and the length that is known to be
// too much or more than there is. An axis that was not weighed by itself, for the model takes no row
// with others of another length, counts as if all had its length.
func (sc *scale) own(name string, axes int) (tensor.Growth, int64) {
	most, capped := sc.caps[name]
	if !capped {
		most = math.MaxInt64
	}
	if g, weighed := sc.each[name]; weighed {
		return g, most
	}
	g := sc.joint
	g.Power = axes
	if !capped && sc.cap < math.MaxInt64 {
		most = max(1, int64(math.Pow(float64(sc.cap), 1/float64(axes))))
	}
	return g, most
}

// merge adds a weighing, in place of what was said when it began.
func (o *Observation) merge(w Weighing) error {
	switch {
	case w.Length < 1 || w.Length > maxLengthLimit || w.Axes < 1 || w.Axes > maxObservedRank || w.Bytes < -1<<40 || w.Bytes > 1<<50 || len(w.Axis) > maxTrialOutput:
		return fmt.Errorf("the trial process tells that a row of length %d took %d bytes", w.Length, w.Bytes)
	case len(o.Weighed) == maxWeighed:
		return fmt.Errorf("the trial process tells of more than %d rows", maxWeighed)
	}
	at := slices.IndexFunc(o.Weighed, func(x Weighing) bool { return x.Axis == w.Axis && x.Length == w.Length })
	if at < 0 {
		o.Weighed = append(o.Weighed, w)
	} else {
		o.Weighed[at] = w
	}
	return nil
}

// forgetPeak has the system count the process's peak anew. Where it does not, what is resident after
// a run stands in for it.
func forgetPeak() { writeProc("/proc/self/clear_refs", "5") }
