package rollouts

import (
	"math"
	"slices"
	"time"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/rollout"
)

// watch is a version that is watched for a plan. It does not change.
type watch struct {
	model  string
	tally  *rollout.Tally
	canary bool
	// live is the version that a canary's answer is held against where it is not finite.
	live *models.Version
}

// sample is a request on its way to Run.
type sample struct {
	*watch
	rollout.Sample
}

// watch makes the request path count for the tallies that there are now.
func (r *Runner) watch(all []models.Planned) {
	var next map[*models.Version]*watch
	for i := range all {
		p := &all[i]
		t := r.tallies[p.Model]
		if t == nil || p.Version == nil || p.Base == nil {
			continue
		}
		if next == nil {
			next = map[*models.Version]*watch{}
		}
		next[p.Version] = &watch{p.Model, t, true, p.Base}
		next[p.Base] = &watch{p.Model, t, false, nil}
	}
	if next == nil {
		r.watched.Store(nil)
		return
	}
	r.watched.Store(&next)
}

// mostScores is how many values of an output its mean is taken of.
const mostScores = 4096

// Ended counts a prediction of a version that has ended, if a plan watches it. It runs on the request path. The version is the one
// that was asked: one that left the answer to its ladder has failed.
func (r *Runner) Ended(v *models.Version, x *gateway.Exchange) {
	all := r.watched.Load()
	if all == nil {
		return
	}
	w := (*all)[v]
	e := &x.Exposure
	if w == nil || e.Named || !e.Known || e.Canary != w.canary {
		return
	}
	filling := &x.Filling
	if x.Fall.From != nil {
		filling = &x.Fall.Filling
	}
	s := sample{w, rollout.Sample{Canary: w.canary, Unit: e.Hash, Took: x.Outcome.Total, Score: math.NaN(), Values: filling.Stored + filling.Default, Defaults: filling.Default}}
	switch k := x.Outcome.Fault; {
	case x.Fall.From != nil:
		s.Failed, s.Around = true, true // by its stores
	case k == fault.None && x.Err == nil && len(x.Task.Outputs) > 0:
		s.Score = mean(&x.Task.Outputs[0])
		if w.canary {
			if n := notFinite(x.Task.Outputs); n > 0 {
				r.ask(w, x.Task, n)
			}
		}
	case k == fault.None:
	case wire.Status(k) < 500 || k == fault.BudgetTooShort:
		return // the client's fault, or the load's: whoever asks for no time at all would make a canary fail, or a step look watched
	default:
		s.Failed, s.Around = true, around(v, &x.Outcome)
	}
	select {
	case r.samples <- s:
	default:
		r.lost.Add(1)
	}
}

// around reports whether a request may have failed for what is around the version, and not for what it is.
func around(v *models.Version, o *gateway.Outcome) bool {
	switch o.Fault {
	case fault.DeadlineExceeded:
		return o.Budget < v.Config.Budget
	case fault.NoCapacity, fault.Draining, fault.FeatureUnavailable:
		return true
	}
	return false
}

// mean is that of a tensor's first values; NaN if it has no numbers.
func mean(t *tensor.Tensor) float64 {
	size := t.Type.Size()
	if size == 0 || len(t.Data) < size {
		return math.NaN()
	}
	n, sum := min(len(t.Data)/size, mostScores), 0.0
	for i := range n {
		switch {
		case t.Type.Float():
			sum += tensor.FloatAt(t.Type, t.Data, i)
		case t.Type.Unsigned() || t.Type == tensor.Bool:
			sum += float64(tensor.UintAt(t.Type, t.Data[i*size:]))
		default:
			sum += float64(tensor.IntAt(t.Type, t.Data[i*size:]))
		}
	}
	return sum / float64(n)
}

// notFinite counts the values that are NaN or infinite.
func notFinite(outputs []tensor.Tensor) (n int) {
	for k := range outputs {
		t := &outputs[k]
		if !t.Type.Float() {
			continue
		}
		for i := range len(t.Data) / t.Type.Size() {
			if x := tensor.FloatAt(t.Type, t.Data, i); math.IsNaN(x) || math.IsInf(x, 0) {
				n++
			}
		}
	}
	return n
}

// probe is an answer of the canary that is not finite, asked of the live version too.
type probe struct {
	*watch
	inputs, optional []tensor.Tensor
	rows             int
	wanted           uint64
	notFinite        int
	worse            bool // the live version has fewer such values
}

// The bounds of a probe: one at a time, of so many bytes, for so long.
const (
	probeBytes = 4 << 20
	probeTime  = 5 * time.Second
)

// ask runs a request again on the live version, unless another is being asked: a fault of the canary comes again.
func (r *Runner) ask(w *watch, t *task.Task, count int) {
	bytes := 0
	for _, in := range slices.Concat(t.Inputs, t.Optional) {
		bytes += len(in.Data)
	}
	if bytes > probeBytes {
		return
	}
	select {
	case r.probing <- struct{}{}:
	default:
		return
	}
	p := &probe{watch: w, inputs: copies(t.Inputs), optional: copies(t.Optional), rows: t.Rows, wanted: t.Wanted, notFinite: count}
	r.probes.Go(func() {
		defer func() { <-r.probing }()
		p.worse = r.worse(p)
		select {
		case r.probed <- p:
		default: // the one before has not been read: it says the same
		}
	})
}

func copies(all []tensor.Tensor) []tensor.Tensor {
	all = slices.Clone(all)
	for i := range all {
		all[i].Shape, all[i].Data = slices.Clone(all[i].Shape), slices.Clone(all[i].Data)
	}
	return all
}

// worse reports whether the live version's answer has fewer values that are not finite.
func (r *Runner) worse(p *probe) bool {
	v, err := r.opts.Registry.Acquire(p.live.Name, p.live.Version)
	if err != nil {
		return false
	}
	defer v.Release()
	t := task.Get()
	defer t.Release()
	t.Inputs, t.Optional = append(t.Inputs[:0], p.inputs...), append(t.Optional[:0], p.optional...)
	t.Rows, t.Wanted, t.Priority = p.rows, p.wanted, task.Low
	t.Reserve(len(v.Schema.Outputs))
	t.Arrived = clock.Now()
	t.Deadline, t.MostRows = t.Arrived.Add(probeTime), v.Schema.MostRows(t.Inputs)
	if err := r.opts.Replay(v, t); err != nil {
		return false
	}
	return notFinite(t.Outputs) < p.notFinite
}
