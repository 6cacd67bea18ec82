package gateway

import (
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/oip/target"
	"sluice/internal/task"
)

// A ladder answers where a model's inputs could not be filled well enough (Filled.Below). Its rungs are tried in order. A rung is
// another model, which takes what the request has, or a constant. One that refuses makes way for the next; if none answers, the
// request is refused as it would have been without them. The rules are:
//
//   - The model that was asked stays pinned, and its task whole: each rung has a task of its own, which borrows the inputs.
//   - All rungs have the one deadline of the request. Once it has passed, or the client has gone, no further one is tried.
//   - Rungs do not chain: a rung's own ladder is not taken.
//   - An answer that has begun to be encoded is not given up.

// Rung is one of a ladder.
type Rung struct {
	// Name is what answers call it: previous, model:NAME or constant.
	Name string
	// Pin pins the model that answers, until its Release, and says how requests become its own. The error says why it cannot answer.
	// It is nil for a constant.
	Pin func() (Model, *target.Mapping, error)
	// Constant is the answer, an element for each output of the model that was asked; nil if a model answers.
	Constant []Constant
}

// Constant is an output that is always the same. Shape and Data are those of each row; or if it has no Rows, of the whole output.
type Constant struct {
	Rows  bool
	Shape []int64
	Data  []byte
}

// Fall is how an exchange has left the model that it asked.
type Fall struct {
	// From is that model, pinned until End; nil if the exchange has not left it.
	From Model
	// Filling is what became of its inputs.
	Filling Filled
	// Rung is the name of the rung that the exchange is on, or ended on; empty without one.
	Rung string

	task     *task.Task         // the one that was decoded
	err      error              // why From does not answer
	outputs  []oip.OutputChoice // as the request has chosen of From's
	said     []byte             // what the rungs said that do not answer
	next     int                // the rung to be tried next
	pinned   bool               // Exchange.Model is a rung's
	constant []Constant         // the answer, if it is one
}

// Constant reports whether the answer is one.
func (f *Fall) Constant() bool { return f.constant != nil }

// Number is the place in the ladder of the rung that the exchange is on, or ended on; -1 without one.
func (f *Fall) Number() int {
	if f.Rung == "" {
		return -1
	}
	return f.next - 1
}

// reset empties it and keeps its memory.
func (f *Fall) reset() { *f = Fall{outputs: f.outputs[:0], said: f.said[:0]} }

// release lets go of the model that was asked, and its task, if a rung is in their place.
func (f *Fall) release(spoiled bool) {
	if !f.pinned {
		return
	}
	f.From.Release()
	if !spoiled {
		f.task.Release()
	}
}

// Asked is the model that the request asked, which may not be the one that answers.
func (x *Exchange) Asked() Model {
	if x.Fall.From != nil {
		return x.Fall.From
	}
	return x.Model
}

// Own is the task as Asked has it.
func (x *Exchange) Own() *task.Task {
	if x.Fall.From != nil {
		return x.Fall.task
	}
	return x.Task
}

// falls takes an exchange that has failed to the next rung that has it. It is false if the exchange ends.
func (g *Gateway) falls(x *Exchange) bool {
	f := &x.Fall
	switch {
	case x.ended || x.Model == nil || x.next > encoding || final(x.Err):
		return false
	case f.From != nil:
		f.note(x.Err)
	case !x.Filling.Below || len(x.Model.Info().Ladder) == 0:
		return false
	default:
		f.From, f.task, f.err, f.Filling = x.Model, x.Task, x.Err, x.Filling
		f.outputs = append(f.outputs, x.request.Outputs...)
	}
	for ladder := f.From.Info().Ladder; f.next < len(ladder); {
		x.climb()
		if clock.Now() >= f.task.Deadline {
			x.Err = fault.New(fault.DeadlineExceeded, "the deadline passed before a rung of the model's ladder answered")
			return false
		}
		r := &ladder[f.next]
		f.Rung = r.Name
		f.next++
		err := g.take(x, r)
		if err == nil {
			if x.Err, x.next = nil, filling; f.Constant() {
				x.next++ // nothing is filled
			}
			return true
		}
		f.note(err)
	}
	x.climb()
	x.Err = fault.Newf(fault.FeatureUnavailable, "%s; its ladder does not answer either: %s", fault.Of(f.err).Text, f.said)
	return false
}

// final reports whether a fault ends an exchange wherever it is.
func final(err error) bool {
	kind := fault.Of(err).Kind
	return kind == fault.DeadlineExceeded || kind == fault.ClientClosed
}

// note keeps what a rung said.
func (f *Fall) note(err error) {
	if len(f.said) > 0 {
		f.said = append(f.said, "; "...)
	}
	f.said = append(append(f.said, f.Rung...), ": "...)
	f.said = append(f.said, fault.Of(err).Text...)
}

// climb takes an exchange from a rung back to the model that it asked.
func (x *Exchange) climb() {
	f := &x.Fall
	if f.pinned {
		x.Model.Release()
		x.Task.Release()
	}
	x.Model, x.Task, x.Filling, f.Rung, f.pinned = f.From, f.task, f.Filling, "", false
	x.request.Outputs = append(x.request.Outputs[:0], f.outputs...)
	x.Trail.Reset()
}

// take puts an exchange on a rung.
func (g *Gateway) take(x *Exchange, r *Rung) error {
	f := &x.Fall
	if r.Pin == nil {
		f.constant = r.Constant
		return nil
	}
	m, mapping, err := r.Pin()
	if err != nil {
		return err
	}
	info, t := m.Info(), task.Get()
	t.Answers, t.Arrived, t.Peer = f.task.Answers, f.task.Arrived, f.task.Peer
	t.Deadline, t.Priority = f.task.Deadline, f.task.Priority
	d := target.New(info.Client, info.Name, &g.opt.Limits.Decode, t)
	if err := mapping.Carry(&d, f.task); err != nil {
		t.Release()
		m.Release()
		return err
	}
	x.Model, x.Task, x.Filling, f.pinned = m, t, Filled{}, true
	for k := range f.outputs {
		x.request.Outputs[mapping.Output(k)] = f.outputs[k]
	}
	return nil
}

// constant has the constant be what a run would have given. A front end encodes it, as it does what was run.
func (x *Exchange) constant() Step {
	if err := x.setConstant(); err != nil {
		return x.fails(err)
	}
	if x.Front == nil {
		return GoesOn
	}
	ready(x.Front, x)
	return Pending
}

func (x *Exchange) setConstant() error {
	t, outputs := x.Task, x.Model.Info().Schema.Outputs
	t.Rows = max(t.Rows, 1)
	t.Reserve(len(outputs))
	for k := range outputs {
		c, spec := &x.Fall.constant[k], &outputs[k]
		switch {
		case !t.Wants(k):
		case !c.Rows:
			t.SetWhole(k, spec, c.Shape, c.Data)
		default:
			for row := range t.Rows {
				if err := t.SetRows(k, spec, c.Shape, row, row+1, c.Data); err != nil {
					return fault.Wrap(fault.Internal, err, "internal error")
				}
			}
		}
	}
	t.Join()
	return nil
}
