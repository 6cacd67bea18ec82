package trial

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"sluice/internal/clock"
	complaints "sluice/internal/complaint"
	"sluice/internal/memory"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/inputs"
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
)

// weigher makes up rows of given lengths and runs each series of them on a session that has seen
// nothing longer: ONNX Runtime keeps memory that it has once had.
type weigher struct {
	*tryout
	made       *tensor.Schema  // what rows are made up for
	row        *inputs.Request // what rows are made of, if none can be made up
	axes       []tensor.Axis
	with       inputs.Profile
	most       int64 // bytes of one run
	base       int64 // resident before the first run
	run, limit time.Duration
	told       func(bundle.Weighing)
}

// newWeigher prepares to weigh rows that are made up as the model is known to take them.
func newWeigher(g *bundle.Graph, with inputs.Profile, most int64, told func(bundle.Weighing)) *weigher {
	w := &weigher{
		tryout: &tryout{graph: g, schema: g.Whole(), limit: observeRun}, made: &g.Schema, with: with,
		most: most, run: weighRun, limit: weighLimit, told: told,
	}
	if g.RowsAreAnAxis() {
		w.made = w.schema
	}
	w.axes = freeAxes(g, w.made)
	return w
}

// from has rows made of one that the model takes, longer and longer. It tells whether that can be.
func (w *weigher) from(request *inputs.Request) bool {
	if request == nil {
		return false
	}
	row := *request
	if w.made.Batchable() {
		var err error
		if row, err = row.Row(0); err != nil {
			return false
		}
	}
	w.row, w.with.Free = &row, 1
	for a := range w.axes {
		for _, p := range w.axes[a].At {
			w.with.Free = max(w.with.Free, row.Inputs[p.Input].Shape[p.Dim])
		}
	}
	return true
}

// weigh runs rows of rising length, all free axes together and then each by itself. told hears of
// each run when it begins, as unfinished, and when it has ended: a run may be the process's last.
func (w *weigher) weigh(ctx context.Context, open func(context.Context) (bundle.Session, error)) error {
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
	for length := w.with.Free; ; length *= 2 {
		request := w.request(axis, length)
		if request == nil {
			return
		}
		began := clock.Now()
		bytes, ran := w.peak(axis, length, request)
		if !ran || float64(max(bytes, bundle.Noise))*more > float64(min(w.most, weighMost)) {
			return
		}
		if now := clock.Now(); now.Sub(began) > w.run || now > until {
			return
		}
	}
}

// request makes up a row whose axis, or each of whose axes, has the length; nil if that is too much.
func (w *weigher) request(axis string, length int64) *inputs.Request {
	s := inputs.NewSynthesis(w.made, w.graph.Hints, w.with)
	s.Lengths = map[[2]int]int64{}
	for a := range w.axes {
		if axis == "" || w.axes[a].Name == axis {
			for _, p := range w.axes[a].At {
				s.Lengths[[2]int{p.Input, p.Dim}] = length
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
			n := s.Dimension(i, dim, size, 0)
			if _, set := s.Lengths[[2]int{i, dim}]; w.row != nil && !set {
				n = w.row.Inputs[i].Shape[dim]
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
	return manyOf([]inputs.Request{*row}, rows, w.made)
}

// rowOf makes a row of those shapes; nil if it cannot be made.
func (w *weigher) rowOf(s *inputs.Synthesis, shapes [][]int64) *inputs.Request {
	if w.row == nil {
		row := s.Make(0)
		return &row
	}
	row := &inputs.Request{Rows: 1, Inputs: make([]tensor.Tensor, len(shapes))}
	for i := range shapes {
		var err error
		if row.Inputs[i], err = inputs.Stretch(&w.row.Inputs[i], shapes[i]); err != nil {
			return nil
		}
	}
	return row
}

// peak runs a request and tells how much more memory there was, at the most, than before the first.
func (w *weigher) peak(axis string, length int64, request *inputs.Request) (bytes int64, ran bool) {
	said := bundle.Weighing{Axis: axis, Axes: len(w.axes), Length: length, Unfinished: true}
	w.told(said)
	debug.FreeOSMemory() // what making up rows has left behind is none of theirs
	// The system counts the process's peak anew. Where it does not, what is resident after a run stands
	// in for it.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
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
