package trial

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"sluice/features/spec"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/inputs"
)

const (
	// observeLimit is the time after which no further size or length is looked at.
	observeLimit = 3 * time.Second
	// observeRun bounds one run of the trial.
	observeRun = 10 * time.Second
	// maxObservedGolden is how many golden requests are run; replay runs them all.
	maxObservedGolden = 8
)

// exercise opens the bundle with open, calls loaded, and runs golden rows and made-up ones of
// several numbers and lengths. Once that is done it calls seen, and then weighed for rows that are
// longer and longer, see weigher. An error is one of opening: the library cannot load the file, or
// no run ends within the limit. It is for the trial process, which a run may crash.
func exercise(ctx context.Context, limit time.Duration, b *bundle.Bundle, g *bundle.Graph, ceiling int64, open func(context.Context, *bundle.Bundle) (bundle.Session, error), loaded func(), seen func(*bundle.Observation), weighed func(bundle.Weighing)) error {
	whole := *b
	whole.Schema, whole.Lanes, whole.FixedBatch = g.Whole(), 1, 0
	session, err := open(ctx, &whole)
	if err != nil {
		return err
	}
	loaded()
	plan, err := b.Config.Plan(whole.Schema)
	if err != nil {
		plan = nil // the schema gate reports it
	}
	o := &tryout{graph: g, schema: whole.Schema, plan: plan, session: session, limit: limit, began: clock.Now(), seen: &bundle.Observation{}}
	if text, err := b.GoldenText(); err == nil {
		o.golden(text)
	}
	with, found := o.madeUp()
	if err := session.Close(); err != nil {
		return err
	}
	if o.endless != "" && len(o.seen.Runs) == 0 {
		return &endlessError{fmt.Sprintf("a run of %s took longer than %v and was cut short, and no other gave an answer: put a request that the model answers into %s, if there is one", o.endless, limit, bundle.GoldenFile)}
	}
	seen(o.seen)
	w := newWeigher(g, with, cmp.Or(ceiling, MemoryCeiling())/bundle.RunPart, weighed)
	if !found && !w.from(o.took) {
		return nil
	}
	return w.weigh(ctx, func(ctx context.Context) (bundle.Session, error) { return open(ctx, &whole) })
}

// endlessError is of a model none of whose runs ends.
type endlessError struct{ text string }

func (e *endlessError) Error() string { return e.text }

// tryout runs whole requests, one after another.
type tryout struct {
	graph   *bundle.Graph
	schema  *tensor.Schema // whole
	plan    *spec.Plan     // of the features; nil if there are none
	session bundle.Session
	limit   time.Duration // of a run
	began   clock.Instant
	seen    *bundle.Observation
	took    *inputs.Request // a golden request that ran; nil if none did
	endless string          // the first request whose run was cut short; "" if none was
}

// golden runs the bundle's own requests. One that cannot be read is for the replay to report.
func (o *tryout) golden(text []byte) {
	all, err := inputs.DecodeGolden(text, o.schema, o.plan)
	if err != nil {
		return
	}
	for i := range all[:min(len(all), maxObservedGolden)] {
		request, rows := all[i].Request, 1
		if n := rowsOf(o.graph, &request); n > 0 {
			rows = n
			request = request.Spread(&o.graph.Schema, n)
		}
		if o.run(&request, rows) && o.took == nil {
			o.took = &all[i].Request
		}
		if o.endless != "" {
			break
		}
	}
}

// madeUp looks for rows that the model takes, each alone, then gives it several of them, and
// others of another length. It tells how the rows were made up that the model takes, if it takes any.
func (o *tryout) madeUp() (with inputs.Profile, found bool) {
	schema := &o.graph.Schema
	var rows []inputs.Request
	for _, p := range inputs.Profiles() {
		if took := o.takes(inputs.NewSynthesis(schema, o.graph.Hints, p)); len(took) > len(rows) {
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
	if len(freeAxes(o.graph, schema)) > 0 && !o.over() {
		other := with
		other.Free++
		o.takes(inputs.NewSynthesis(schema, o.graph.Hints, other))
	}
	return with, true
}

// maxTogether is the most rows of a made-up request.
const maxTogether = 3

// takes returns the made-up rows that the model takes, each in a request of its own, or as often
// as the file's fixed batch prescribes.
func (o *tryout) takes(made *inputs.Synthesis) (rows []inputs.Request) {
	for _, row := range made.MakeAll(maxTogether) {
		request, n := &row, 1
		if made.Schema.Batchable() && o.graph.FixedBatch > 0 {
			n = o.graph.FixedBatch
			request = manyOf([]inputs.Request{row}, n, made.Schema)
		}
		if o.run(request, n) {
			rows = append(rows, row)
		}
		if !made.Schema.Batchable() || o.over() {
			break
		}
	}
	return rows
}

// manyOf is one request of n rows, repeated where there are fewer.
func manyOf(rows []inputs.Request, n int, schema *tensor.Schema) *inputs.Request {
	all := make([]inputs.Request, n)
	for k := range all {
		all[k] = rows[k%len(rows)]
	}
	request := inputs.Join(all, schema)
	return &request
}

func (o *tryout) over() bool { return o.endless != "" || clock.Now().Sub(o.began) > observeLimit }

// run runs one request and notes what came of it.
func (o *tryout) run(request *inputs.Request, rows int) bool {
	t, err := o.ask(request)
	defer t.Release()
	if err != nil {
		o.refuse(request, rows, err)
		return false
	}
	t.Join()
	seen := bundle.ObservedRun{Rows: rows}
	for k := range t.Outputs {
		seen.Outputs = append(seen.Outputs, append([]int64{}, t.Outputs[k].Shape...))
	}
	o.seen.Runs = append(o.seen.Runs, seen)
	o.measure(request)
	return true
}

// measure notes how long the axes of a request are that ran.
func (o *tryout) measure(request *inputs.Request) {
	axes, _ := o.graph.Axes(o.schema, 0)
	for a := range axes {
		for _, p := range axes[a].At {
			if o.seen.Longest == nil {
				o.seen.Longest = map[string]int64{}
			}
			o.seen.Longest[axes[a].Name] = max(o.seen.Longest[axes[a].Name], request.Inputs[p.Input].Shape[p.Dim])
		}
	}
}

// ask runs a request on the session and returns its task with the outputs, which the caller joins
// and releases.
func (o *tryout) ask(request *inputs.Request) (*task.Task, error) {
	t := request.Task(len(o.schema.Outputs))
	t.Rows = 1 // it runs whole
	parts := []task.Part{{Task: t, To: 1}}
	limit := clock.Now().Add(o.limit)
	_, err := o.session.Run(0, parts, limit)
	if err == nil {
		err = o.session.Scatter(0, parts)
	} else if clock.Now() >= limit && o.endless == "" {
		o.endless = Shapes(request.Inputs)
	}
	return t, err
}

func (o *tryout) refuse(request *inputs.Request, rows int, err error) {
	if o.seen.Complaint(rows) != nil {
		return
	}
	text, detail := fault.Explain(err)
	o.seen.Refused = append(o.seen.Refused, bundle.RefusedRun{Rows: rows, Text: bundle.Clipped(Shapes(request.Inputs) + ": " + text), Detail: bundle.Clipped(detail)})
}

// Shapes names inputs with their types and shapes.
func Shapes(inputs []tensor.Tensor) string {
	var all []string
	for i := range inputs {
		all = append(all, fmt.Sprintf("%s %s%s", inputs[i].Name, inputs[i].Type, tensor.ShapeText(inputs[i].Shape)))
	}
	return strings.Join(all, ", ")
}

// freeAxes are those of a schema's inputs besides the batch.
func freeAxes(g *bundle.Graph, s *tensor.Schema) []tensor.Axis {
	first := 0
	if s.Batchable() {
		first = 1
	}
	axes, _ := g.Axes(s, first)
	return axes
}

// rowsOf counts the rows of a whole request; 0 if its inputs carry none.
func rowsOf(g *bundle.Graph, s *inputs.Request) int {
	if g.Reason != "" {
		return 0
	}
	for i := range s.Inputs {
		if !g.Schema.Inputs[i].Once && len(s.Inputs[i].Shape) > 0 {
			return int(s.Inputs[i].Shape[0])
		}
	}
	return 0
}
