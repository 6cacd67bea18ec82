package bundle

import (
	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/tensor"
)

// analyze adds what the graph shows of the rows, and returns the inference to serve by. Where the
// settings name no input that is given once, and the graph shows that repeating such a row is the
// same as broadcasting it, the inputs that look so are taken to be given once.
func (g *Graph) analyze(data []byte, file *onnxfile.Model, rules onnxfile.Rules, inferred *onnxfile.Inference) (*onnxfile.Inference, error) {
	if once := inferred.OnceCandidates; len(once) > 0 && rules.Once == nil && !rules.Whole {
		rules.Once = once
		other, err := onnxfile.Infer(file, rules)
		if err == nil && other.Reason == "" {
			r, err := dataflow.Analyze(data, file, question(&other.Schema, other.FixedBatch, true))
			if err != nil {
				return nil, err
			}
			if r.Verdict.Kind == dataflow.Proven {
				g.note(r)
				return other, nil
			}
		}
	}
	r, err := dataflow.Analyze(data, file, question(&inferred.Schema, inferred.FixedBatch, false))
	if err != nil {
		return nil, err
	}
	g.note(r)
	if len(rules.Once) > 0 && g.Independence.Shown == ShownApart {
		beside, err := dataflow.Analyze(data, file, question(&inferred.Schema, inferred.FixedBatch, true))
		if err != nil {
			return nil, err
		}
		for k := range beside.Outputs {
			g.Independence.Outputs[k].Once = beside.Outputs[k].Once
		}
	}
	return inferred, nil
}

// question asks about a file whose inputs are given as the schema says. With broadcast the answer
// also holds for a request that gives its once inputs as one row beside the others.
func question(s *tensor.Schema, fixed int, broadcast bool) dataflow.Question {
	q := dataflow.Question{Once: map[string]bool{}, Shared: map[string]bool{}, Batch: int64(fixed)}
	for i := range s.Inputs {
		switch spec := &s.Inputs[i]; {
		case Shared(spec):
			q.Shared[spec.Name] = true
		case spec.Once:
			q.Once[spec.Name] = broadcast
		}
	}
	return q
}

// note keeps an analysis in this package's words.
func (g *Graph) note(r *dataflow.Result) {
	shown := map[dataflow.Kind]Shown{dataflow.Proven: ShownApart, dataflow.Unknown: NothingShown, dataflow.Mixes: ShownMixing}
	g.Independence = &Independence{Shown: shown[r.Verdict.Kind], Text: r.Verdict.String()}
	for _, o := range r.Outputs {
		g.Independence.Outputs = append(g.Independence.Outputs, OutputRows{RowToRow: o.RowsOnAxis0, Once: o.Once})
	}
	g.Hints = r.Hints
	for i := range g.Hints {
		h := &g.Hints[i]
		h.HasRange = h.HasRange && h.Low <= h.High
	}
}

// Shown is what the graph shows of whether rows keep apart.
type Shown uint8

// What may be shown. The zero value says the least.
const (
	NothingShown Shown = iota
	ShownApart         // each output row is computed from its own input row alone
	ShownMixing        // some output row depends on other rows, on their number or on its place
)

// Independence is what the graph shows of a model's rows.
type Independence struct {
	Shown Shown
	// Text is the verdict with the node that decides, such as
	// `mixes at node "attend" (MatMul): attends over the rows`.
	Text string
	// Outputs has an entry per output.
	Outputs []OutputRows
}

// OutputRows is what the graph shows of one output.
type OutputRows struct {
	// RowToRow is set if axis 0 has one entry for each row of the inputs.
	RowToRow bool
	// Once is set if the output depends on inputs alone that a request gives once.
	Once bool
}

// rowToRow tells whether every output is shown to have a row for each row of the inputs.
func (d *Independence) rowToRow() bool {
	for _, o := range d.Outputs {
		if !o.RowToRow && !o.Once {
			return false
		}
	}
	return d.Shown == ShownApart && len(d.Outputs) > 0
}

// Shared tells an input that is one row for the whole run, so that only requests with equal
// bytes there share one.
func Shared(spec *tensor.Spec) bool { return spec.Once && len(spec.Shape) > 0 && spec.Shape[0] == 1 }
