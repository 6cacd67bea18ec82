package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

const (
	// observeLimit is the time after which no further size or length is looked at.
	observeLimit = 3 * time.Second
	// observeRun bounds one run of the trial.
	observeRun = 10 * time.Second
	// maxObservedGolden is how many golden requests are run; replay runs them all.
	maxObservedGolden = 8
	// maxObservedRuns and maxObservedRank bound what is believed of a trial process.
	maxObservedRuns = 256
	maxObservedRank = 64
)

// Observation is what a file showed when it ran, with every output allocated by the library:
// what an output is, is learned here and not believed from the file.
type Observation struct {
	// Runs are those that gave an answer.
	Runs []ObservedRun `json:"runs"`
	// Refused are requests that the model did not take: the first of each number of rows.
	Refused []RefusedRun `json:"refused,omitempty"`
	// Longest is the longest of each free axis in a request that ran.
	Longest map[string]int64 `json:"longest,omitempty"`
	// Weighed is what rows took of memory by their length. A trial process tells them one by one.
	Weighed []Weighing `json:"-"`
}

// ObservedRun is one request that ran whole.
type ObservedRun struct {
	// Rows is the request's rows; 1 where axis 0 is no batch.
	Rows int `json:"rows"`
	// Outputs are the shapes of the outputs, in the file's order.
	Outputs [][]int64 `json:"outputs"`
}

// RefusedRun is a request that an operator complained about.
type RefusedRun struct {
	Rows int `json:"rows"`
	// Text says what was sent and what is wrong with it; Detail is the library's own text.
	Text   string `json:"text"`
	Detail string `json:"detail,omitempty"`
}

// ran tells whether requests of so many rows ran, or of any number if rows is 0.
func (o *Observation) ran(rows int) bool {
	return o != nil && slices.ContainsFunc(o.Runs, func(r ObservedRun) bool { return rows == 0 || r.Rows == rows })
}

// refused finds the complaint about a request of so many rows, or of any number.
func (o *Observation) refused(rows int) *RefusedRun {
	if o == nil {
		return nil
	}
	for i := range o.Refused {
		if rows == 0 || o.Refused[i].Rows == rows {
			return &o.Refused[i]
		}
	}
	return nil
}

// decodeObservation reads what a trial process wrote and holds it against its bounds.
func decodeObservation(text []byte, outputs int) (*Observation, error) {
	o := &Observation{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process cannot be understood")
	}
	if len(o.Runs) > maxObservedRuns || len(o.Refused) > maxObservedRuns {
		return nil, fmt.Errorf("the trial process tells of %d runs", len(o.Runs)+len(o.Refused))
	}
	for _, r := range o.Runs {
		if r.Rows < 1 || len(r.Outputs) != outputs {
			return nil, fmt.Errorf("the trial process tells of a run of %d rows with %d outputs; the model has %d", r.Rows, len(r.Outputs), outputs)
		}
		for _, shape := range r.Outputs {
			if _, ok := tensor.Elements(shape); !ok || len(shape) > maxObservedRank {
				return nil, fmt.Errorf("the trial process tells of an output of shape %.200s", fmt.Sprint(shape))
			}
		}
	}
	for i := range o.Refused {
		r := &o.Refused[i]
		r.Text, r.Detail = strings.ToValidUTF8(clipped(r.Text), "?"), strings.ToValidUTF8(clipped(r.Detail), "?")
	}
	return o, nil
}

// clipped keeps the beginning of a text.
func clipped(s string) string { return s[:min(len(s), maxTrialOutput)] }

// Observe opens the bundle with open, calls loaded, and runs golden rows and made-up ones of
// several numbers and lengths. Once that is done it calls seen, and then weighed for rows that are
// longer and longer, see weigher. An error is one of opening: the library cannot load the file.
// It is for the trial process, which a run may crash; b is of ForTrial.
func Observe(ctx context.Context, b *Bundle, open func(context.Context, *Bundle) (Session, error), loaded func(), seen func(*Observation), weighed func(Weighing)) error {
	return observeWithin(observeRun, ctx, b, open, loaded, seen, weighed)
}

// observeWithin bounds each run.
func observeWithin(limit time.Duration, ctx context.Context, b *Bundle, open func(context.Context, *Bundle) (Session, error), loaded func(), seen func(*Observation), weighed func(Weighing)) error { //nolint:revive // the limit is a test's
	whole := *b
	whole.Schema, whole.Lanes, whole.FixedBatch = b.graph.whole(), 1, 0
	session, err := open(ctx, &whole)
	if err != nil {
		return err
	}
	loaded()
	o := &tryout{graph: b.graph, schema: whole.Schema, session: session, limit: limit, began: clock.Now(), seen: &Observation{}}
	if text, err := b.goldenText(); err == nil {
		o.golden(text)
	}
	with, found := o.madeUp()
	if err := session.Close(); err != nil {
		return err
	}
	if o.endless != "" && len(o.seen.Runs) == 0 {
		return fmt.Errorf("a run of %s took longer than %v and was cut short, and no other gave an answer: put a request that the model answers into %s, if there is one", o.endless, limit, GoldenFile)
	}
	seen(o.seen)
	w := newWeigher(b.graph, with, cmp.Or(b.ceiling, memoryCeiling())/runPart, weighed)
	if !found && !w.from(o.took) {
		return nil
	}
	return w.weigh(ctx, func(ctx context.Context) (Session, error) { return open(ctx, &whole) })
}

// tryout runs whole requests, one after another.
type tryout struct {
	graph   *Graph
	schema  *tensor.Schema // whole
	session Session
	limit   time.Duration // of a run
	began   clock.Instant
	seen    *Observation
	took    *sample // a golden request that ran; nil if none did
	endless string  // the first request whose run was cut short; "" if none was
}

// golden runs the bundle's own requests. One that cannot be read is for the replay to report.
func (o *tryout) golden(text []byte) {
	all, err := decodeGolden(text, o.schema)
	if err != nil {
		return
	}
	for i := range all[:min(len(all), maxObservedGolden)] {
		request, rows := all[i].request, 1
		if n := o.graph.rowsOf(&request); n > 0 {
			rows = n
			request = request.spread(&o.graph.Schema, n)
		}
		if o.run(&request, rows) && o.took == nil {
			o.took = &all[i].request
		}
		if o.endless != "" {
			break
		}
	}
}

// madeUp looks for rows that the model takes, each alone, then gives it several of them, and
// others of another length. It tells how the rows were made up that the model takes, if it takes any.
func (o *tryout) madeUp() (with profile, found bool) {
	schema := &o.graph.Schema
	var rows []sample
	for _, p := range profiles() {
		if took := o.takes(newSynthesis(schema, o.graph.Hints, p)); len(took) > len(rows) {
			rows, with = took, p
		}
		if len(rows) == maxTogether || len(rows) > 0 && !schema.Batchable() || o.over() {
			break
		}
	}
	if len(rows) == 0 {
		return with, false
	}
	if schema.Batchable() && o.graph.FixedBatch == 0 {
		for n := 2; n <= maxTogether && o.endless == ""; n++ {
			o.run(manyOf(rows, n, schema), n)
		}
	}
	if freeAxes(schema) && !o.over() {
		other := with
		other.free++
		o.takes(newSynthesis(schema, o.graph.Hints, other))
	}
	return with, true
}

// maxTogether is the most rows of a made-up request.
const maxTogether = 3

// takes returns the made-up rows that the model takes, each in a request of its own, or as often
// as the file's fixed batch prescribes.
func (o *tryout) takes(made *synthesis) (rows []sample) {
	for _, row := range made.samples(maxTogether) {
		request, n := &row, 1
		if made.schema.Batchable() && o.graph.FixedBatch > 0 {
			n = o.graph.FixedBatch
			request = manyOf([]sample{row}, n, made.schema)
		}
		if o.run(request, n) {
			rows = append(rows, row)
		}
		if !made.schema.Batchable() || o.over() {
			break
		}
	}
	return rows
}

// manyOf is one request of n rows, repeated where there are fewer.
func manyOf(rows []sample, n int, schema *tensor.Schema) *sample {
	all := make([]sample, n)
	for k := range all {
		all[k] = rows[k%len(rows)]
	}
	request := join(all, schema)
	return &request
}

func (o *tryout) over() bool { return o.endless != "" || clock.Now().Sub(o.began) > observeLimit }

// run runs one request and notes what came of it.
func (o *tryout) run(request *sample, rows int) bool {
	t, err := o.ask(request)
	defer t.Release()
	if err != nil {
		o.refuse(request, rows, err)
		return false
	}
	t.Join()
	seen := ObservedRun{Rows: rows}
	for k := range t.Outputs {
		seen.Outputs = append(seen.Outputs, append([]int64{}, t.Outputs[k].Shape...))
	}
	o.seen.Runs = append(o.seen.Runs, seen)
	o.measure(request)
	return true
}

// measure notes how long the axes of a request are that ran.
func (o *tryout) measure(request *sample) {
	axes, _ := o.graph.axes(o.schema, 0)
	for a := range axes {
		for _, p := range axes[a].At {
			if o.seen.Longest == nil {
				o.seen.Longest = map[string]int64{}
			}
			o.seen.Longest[axes[a].Name] = max(o.seen.Longest[axes[a].Name], request.inputs[p.Input].Shape[p.Dim])
		}
	}
}

// ask runs a request on the session and returns its task with the outputs, which the caller joins
// and releases.
func (o *tryout) ask(request *sample) (*task.Task, error) {
	t := task.Get()
	t.Inputs = append(t.Inputs[:0], request.inputs...)
	t.Rows, t.Wanted, t.Deadline = 1, ^uint64(0)>>(64-min(len(o.schema.Outputs), 64)), clock.Never
	t.Reserve(len(o.schema.Outputs))
	parts := []task.Part{{Task: t, To: 1}}
	limit := clock.Now().Add(o.limit)
	_, err := o.session.Run(0, parts, limit)
	if err == nil {
		err = o.session.Scatter(0, parts)
	} else if clock.Now() >= limit && o.endless == "" {
		o.endless = shapes(request.inputs)
	}
	return t, err
}

func (o *tryout) refuse(request *sample, rows int, err error) {
	if o.seen.refused(rows) != nil {
		return
	}
	text, detail := explain(err)
	o.seen.Refused = append(o.seen.Refused, RefusedRun{Rows: rows, Text: clipped(shapes(request.inputs) + ": " + text), Detail: clipped(detail)})
}

// shapes names inputs with their types and shapes.
func shapes(inputs []tensor.Tensor) string {
	var all []string
	for i := range inputs {
		shape := strings.ReplaceAll(fmt.Sprint(inputs[i].Shape), " ", ",")
		all = append(all, fmt.Sprintf("%s %s%s", inputs[i].Name, inputs[i].Type, shape))
	}
	return strings.Join(all, ", ")
}

// freeAxes tells whether an input has a free axis besides the batch.
func freeAxes(s *tensor.Schema) bool {
	return slices.ContainsFunc(s.Inputs, func(spec tensor.Spec) bool {
		free := spec.Shape
		if s.Batchable() {
			free = free[1:]
		}
		return slices.Contains(free, -1)
	})
}
