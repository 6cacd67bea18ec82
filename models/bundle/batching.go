package bundle

import (
	"errors"
	"fmt"
	"slices"

	"sluice/internal/tensor"
	"sluice/internal/units"
)

// Settle decides, from the settings, the graph and the observed runs, how rows share runs and
// what the outputs are. o is nil if the file was not run, and then its own word is taken.
func (g *Graph) Settle(c *Config, o *Observation) (*tensor.Schema, Batching, error) {
	s := g.Schema
	s.Inputs, s.Outputs = slices.Clone(s.Inputs), slices.Clone(s.Outputs)
	if len(s.Inputs) == 0 || len(s.Outputs) == 0 {
		return nil, Batching{}, fmt.Errorf("the model has %d inputs and %d outputs; it needs at least one of each", len(s.Inputs), len(s.Outputs))
	}
	how := g.batching(c, o)
	switch how.Mode {
	case Single:
		s = *Unbatched(&s, g.FixedBatch)
	case RowByRow:
		s.MaxBatch = 1
		s.MaxRows = max(s.MaxRows, 1)
	}
	g.learn(&s, o)
	if err := c.Triton.dress(&s, o); err != nil {
		return nil, how, err
	}
	if err := errors.Join(setLabels(&s, c), c.checkUnit(&s), c.checkCompared(&s), c.featureFaults(&s)); err != nil {
		return nil, how, err
	}
	// A model that was found not to batch loses its padding; one that is not to batch never had a
	// use for it.
	if c.Padding == nil || how.Mode == RowByRow || how.Mode == Single && how.Basis != Asked {
		return &s, how, nil
	}
	padding, err := g.padding(c.Padding, how)
	if err != nil {
		return nil, how, fmt.Errorf("%s: %w", c.fileOf("padding"), err)
	}
	s.Padding = padding
	return &s, how, nil
}

// batching decides how rows share runs, as far as it can be told before a device has compared
// rows. The basis of a model that is left to be tested is Unshown.
func (g *Graph) batching(c *Config, o *Observation) Batching {
	how := func(mode BatchMode, basis BatchBasis, format string, args ...any) Batching {
		return Batching{Mode: mode, Basis: basis, Text: fmt.Sprintf(format, args...)}
	}
	shown, why := NothingShown, ""
	if g.Independence != nil {
		shown, why = g.Independence.Shown, g.Independence.Text
	}
	switch {
	case c.MaxBatch == 0 || g.Reason != "":
		return how(Single, Asked, "%s", g.Reason)
	case c.Batch == BatchCoupled && shown != ShownApart && g.FixedBatch != 1:
		return how(Coupled, Asked, "batch: coupled is set; %s", why)
	case shown == ShownMixing:
		return how(Single, Refuted, "%s", why)
	}
	if text := g.strayOutput(o); text != "" {
		return how(Single, Refuted, "%s", text)
	}
	switch {
	case g.FixedBatch == 1:
		return how(RowByRow, Asked, "the file fixes the batch at 1")
	case c.MaxBatch == 1:
		return how(RowByRow, Asked, "max_batch is 1")
	}
	if many := o.Complaint(2); many != nil && o.Ran(1) && !o.Ran(2) && !o.Ran(3) {
		return how(RowByRow, Refuted, "one row runs and several do not: %s", many.Text)
	}
	if o != nil && !o.Ran(0) {
		if shown != ShownApart || !g.Independence.rowToRow() {
			return how(Single, Unshown, "no request is known that the model takes, so nothing shows what its outputs are; add a %s", GoldenFile)
		}
	}
	switch {
	case shown == ShownApart && c.Batch == BatchCoupled:
		return how(Batched, Proven, "proven by the graph, so that batch: coupled changes nothing")
	case shown == ShownApart:
		return how(Batched, Proven, "proven by the graph")
	case c.Unproven == UnprovenSingle:
		return how(Single, Unshown, "unproven: single is set; %s", why)
	}
	return how(Batched, Unshown, "%s", why)
}

// strayOutput finds an output that has not one row for each row of the request.
func (g *Graph) strayOutput(o *Observation) string {
	if o == nil {
		return ""
	}
	for _, r := range o.Runs {
		for k, shape := range r.Outputs {
			if len(shape) == 0 || shape[0] != int64(r.Rows) {
				return fmt.Sprintf("output %q has the shape %v for a request of %s", g.Schema.Outputs[k].Name, shape, units.Count(r.Rows, "row"))
			}
		}
	}
	return ""
}

// learn makes an output dynamic unless the runs have shown it as the file declares it, and marks
// those that a request gets once.
func (g *Graph) learn(s *tensor.Schema, o *Observation) {
	for k := range s.Outputs {
		spec := &s.Outputs[k]
		if s.Batchable() {
			spec.Once = g.onceOutput(s, k)
		}
		if o == nil {
			continue
		}
		rank, agrees := -1, true
		for _, r := range o.Runs {
			shape := r.Outputs[k]
			if rank >= 0 && rank != len(shape) {
				rank = 1 // nothing is the same in all
				agrees = false
				break
			}
			rank = len(shape)
			agrees = agrees && Declares(spec.Shape, shape)
		}
		if rank >= 0 && agrees && !spec.Dynamic {
			continue
		}
		spec.Dynamic = true
		if rank >= 0 && !(agrees && len(spec.Shape) == rank) {
			spec.Shape = slices.Repeat([]int64{-1}, rank)
		}
	}
}

// Declares tells whether a declared shape, -1 where free, is that of a run.
func Declares(declared, seen []int64) bool {
	return slices.EqualFunc(declared, seen, func(d, n int64) bool { return d < 0 || d == n })
}

// onceOutput tells whether a request gets one row of the output, because it depends on nothing
// but what the request gives once: as the graph shows, or else the names of the axes.
func (g *Graph) onceOutput(s *tensor.Schema, k int) bool {
	var once, rows []string
	for i := range s.Inputs {
		if s.Inputs[i].Once {
			once = append(once, axisName(g.InputAxes[i]))
		} else {
			rows = append(rows, axisName(g.InputAxes[i]))
		}
	}
	if d := g.Independence; len(once) == 0 || d != nil && d.Shown == ShownApart && k < len(d.Outputs) {
		return len(once) > 0 && d.Outputs[k].Once
	}
	name := axisName(g.OutputAxes[k])
	return name != "" && slices.Contains(once, name) && !slices.Contains(rows, name)
}

// axisName is the name of axis 0; "" if it has none.
func axisName(axes []string) string {
	if len(axes) == 0 {
		return ""
	}
	return axes[0]
}

// Batching is how the rows of several requests share runs, and what shows that they may.
type Batching struct {
	Mode  BatchMode  `json:"mode"`
	Basis BatchBasis `json:"basis"`
	// Text says it in a sentence, with the node or the figure that decides.
	Text string `json:"text"`
	// Watched is set while live answers are compared with those of rows that run alone.
	Watched bool `json:"watched,omitempty"`
}

// String is the mode and why, such as "batched: proven by the graph".
func (b Batching) String() string {
	words := map[BatchMode]string{Batched: "batched", Coupled: "batched and coupled", RowByRow: "run one by one", Single: "unbatched"}
	text := fmt.Sprintf("%s: %s", words[b.Mode], b.Text)
	if b.Watched {
		text += "; live answers are watched"
	}
	return text
}

// BatchMode is how rows share runs.
type BatchMode string

// The modes.
const (
	// Batched rows of several requests share a run and do not change each other.
	Batched BatchMode = "batched"
	// Coupled rows share a run and may change each other: the settings ask for it.
	Coupled BatchMode = "coupled"
	// RowByRow runs each row alone: the file takes no more.
	RowByRow BatchMode = "row_by_row"
	// Single runs each request whole and alone.
	Single BatchMode = "single"
)

// BatchBasis is what a mode rests on.
type BatchBasis string

// The bases.
const (
	// Proven by the graph: each output row is computed from its own input row.
	Proven BatchBasis = "proven"
	// Tested: rows that differ gave the same answers alone and together.
	Tested BatchBasis = "tested"
	// Refuted: the graph, a test or live answers show that rows change each other.
	Refuted BatchBasis = "refuted"
	// Unshown: neither the graph nor a test shows anything.
	Unshown BatchBasis = "unshown"
	// Asked for by the settings, or prescribed by the file's own shapes.
	Asked BatchBasis = "asked"
)
