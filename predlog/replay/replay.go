package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"sluice/internal/agree"
	"sluice/internal/tensor"
	"sluice/predlog"
	"sluice/predlog/table"
)

// Model is what is asked. An empty Version is the live one.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// String is the model as a command line has it.
func (m Model) String() string {
	if m.Version == "" {
		return m.Name
	}
	return m.Name + ":" + m.Version
}

// Target answers.
type Target interface {
	// Ask returns the outputs that are wanted, in their order. It is called by several goroutines at once, and the
	// inputs are good until it returns.
	Ask(ctx context.Context, m Model, inputs []tensor.Tensor, wanted []string) ([]tensor.Tensor, error)
	// Tolerance is how far the model's answers may be off.
	Tolerance(ctx context.Context, m Model) (agree.Tolerance, error)
}

// Options say what is asked. Zero means the default said in each comment.
type Options struct {
	Target Target
	// Model is asked in place of the one that a row names; default the row's own, of its own version.
	Model Model
	// Of is the model whose rows are asked; default Model's name, and all where that is empty.
	Of string
	// Workers ask at once; default 32.
	Workers int
	// Worst is how many of the rows that differ most are kept; default 10.
	Worst int
}

// Report is what came of a run.
type Report struct {
	// Replayed is Agree, Differ and Failed together.
	Replayed int `json:"replayed"`
	Agree    int `json:"agree"`
	Differ   int `json:"differ"`
	Failed   int `json:"failed"`
	// Skipped counts the rows that were not replayed by why.
	Skipped map[string]int `json:"skipped"`
	// Worst are the rows that differ most, the worst first.
	Worst []Difference `json:"worst,omitempty"`
	// Failure is what the first that failed ended with.
	Failure string `json:"failure,omitempty"`
}

// Difference is of one row.
type Difference struct {
	ID       string `json:"id"`
	Recorded Model  `json:"recorded"`
	Asked    Model  `json:"asked"`
	// Text says where the largest difference is, and the values there.
	Text   string  `json:"text"`
	excess float64 // over the tolerance
}

// run is a run that goes on.
type run struct {
	o  Options
	mu struct {
		sync.Mutex
		report     Report
		tolerances map[Model]agree.Tolerance
	}
}

// Run replays the rows that each gives to its argument.
func Run(ctx context.Context, o Options, each func(visit func(*table.Row) error) error) (Report, error) {
	o.Workers, o.Worst = cmp.Or(o.Workers, 32), cmp.Or(o.Worst, 10)
	r := &run{o: o}
	r.mu.report.Skipped, r.mu.tolerances = map[string]int{}, map[Model]agree.Tolerance{}
	rows := make(chan *table.Row) // the reader is ahead by one row
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() {
			for row := range rows {
				r.replay(ctx, row)
			}
		})
	}
	err := each(func(row *table.Row) error {
		if why := r.o.skipped(row); why != "" {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.mu.report.Skipped[why]++
			return nil
		}
		select {
		case rows <- clone(row):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(rows)
	workers.Wait()
	r.mu.report.keepWorst(o.Worst)
	return r.mu.report, err
}

// skipped is why a row is not replayed; empty if it is.
func (o *Options) skipped(r *table.Row) string {
	switch of := cmp.Or(o.Of, o.Model.Name); {
	case of != "" && r.Model != of:
		return "of_other_models"
	case r.Tensors != table.TensorsKept:
		return r.Tensors
	case r.Status != predlog.OK:
		return "refused"
	case !r.Replayable:
		return "redacted"
	}
	return ""
}

// clone is a row whose tensors stay when the reader goes on.
func clone(r *table.Row) *table.Row {
	c := *r
	for _, list := range []*[]table.Tensor{&c.Inputs, &c.Outputs} {
		*list = slices.Clone(*list)
		for i := range *list {
			t := &(*list)[i]
			t.Shape, t.Raw = slices.Clone(t.Shape), slices.Clone(t.Raw)
		}
	}
	return &c
}

// replay asks one row.
func (r *run) replay(ctx context.Context, row *table.Row) {
	asked := r.o.Model
	if asked.Name == "" {
		asked = Model{row.Model, row.Version}
	}
	worst, err := r.compare(ctx, asked, row)
	r.mu.Lock()
	defer r.mu.Unlock()
	to := &r.mu.report
	to.Replayed++
	switch {
	case err != nil:
		if to.Failed++; to.Failed == 1 {
			to.Failure = fmt.Sprintf("request %s: %v", row.ID, err)
		}
	case !worst.Failed():
		to.Agree++
	default:
		to.Differ++
		to.Worst = append(to.Worst, Difference{ID: row.ID, Recorded: Model{row.Model, row.Version}, Asked: asked, Text: worst.String(), excess: worst.Excess})
		if len(to.Worst) >= 2*r.o.Worst { // not with each, since all may be asked for
			to.keepWorst(r.o.Worst)
		}
	}
}

// keepWorst puts the rows that differ into their order, and drops what is beyond so many.
func (r *Report) keepWorst(most int) {
	slices.SortStableFunc(r.Worst, func(a, b Difference) int { return cmp.Compare(b.excess, a.excess) })
	r.Worst = r.Worst[:min(len(r.Worst), most)]
}

// compare asks, and finds the largest difference.
func (r *run) compare(ctx context.Context, asked Model, row *table.Row) (worst agree.Worst, err error) {
	tolerance, err := r.tolerance(ctx, asked)
	if err != nil {
		return worst, err
	}
	inputs, err := tensorsOf(row.Inputs)
	if err != nil {
		return worst, err
	}
	want, err := tensorsOf(row.Outputs)
	if err != nil {
		return worst, err
	}
	var names []string
	for i := range want {
		names = append(names, want[i].Name)
	}
	got, err := r.o.Target.Ask(ctx, asked, inputs, names)
	if err != nil {
		return worst, err
	}
	for i := range want {
		at := slices.IndexFunc(got, func(t tensor.Tensor) bool { return t.Name == want[i].Name })
		if at < 0 {
			return worst, fmt.Errorf("the answer has no output %q", want[i].Name)
		}
		worst.Add(&got[at], &want[i], row.Rows > 0 && len(want[i].Shape) > 0 && want[i].Shape[0] == int64(row.Rows), 0, tolerance)
	}
	return worst, nil
}

// tolerance asks for a model's tolerance once.
func (r *run) tolerance(ctx context.Context, m Model) (agree.Tolerance, error) {
	r.mu.Lock()
	t, known := r.mu.tolerances[m]
	r.mu.Unlock()
	if known {
		return t, nil
	}
	t, err := r.o.Target.Tolerance(ctx, m)
	if err == nil {
		r.mu.Lock()
		r.mu.tolerances[m] = t
		r.mu.Unlock()
	}
	return t, err
}

// tensorsOf are tensors as a model has them.
func tensorsOf(list []table.Tensor) ([]tensor.Tensor, error) {
	all := make([]tensor.Tensor, len(list))
	for i := range list {
		t := &list[i]
		kind := tensor.ParseDataType([]byte(t.Datatype))
		if kind == tensor.Invalid {
			return nil, fmt.Errorf("the tensor %s has the datatype %q, which no model takes", t.Name, t.Datatype)
		}
		all[i] = tensor.Tensor{Name: t.Name, Type: kind, Shape: t.Shape, Data: t.Raw}
	}
	return all, nil
}
