package dataflow

import (
	"errors"
	"fmt"
	"maps"

	"sluice/internal/onnxfile"
)

// Bounds of the work: a step is a node or one of its names.
const (
	firstSteps   = 20_000
	stepsPerByte = 16
	maxSteps     = 4 << 20
)

const tooLarge = "the graph is too large to analyse"

// Analyze judges a file: data is the serialised ModelProto that m was parsed from.
func Analyze(data []byte, m *onnxfile.Model, q Question) (*Result, error) {
	program, err := onnxfile.ReadProgram(data)
	if errors.Is(err, onnxfile.ErrTooLarge) {
		program, err = &onnxfile.Program{}, nil // of which the walk says that it is too large
	}
	if err != nil {
		return nil, fmt.Errorf("cannot analyse the graph: %w", err)
	}
	if program.Odd != "" {
		return oddFile(m, program.Odd), nil
	}
	if q.Batch == 0 {
		q.Batch = prescribed(m, q)
	}
	limit := min(maxSteps, firstSteps+stepsPerByte*len(data))
	once, same := asked(m, q)
	maps.Copy(same, q.Shared)
	all := newAnalysis(program, m, Question{Batch: q.Batch, Once: same}, limit)
	outputs := all.run()
	if len(once) > 0 {
		maps.Copy(once, same)
		beside := newAnalysis(program, m, Question{Batch: q.Batch, Once: once}, limit).run()
		for i := range outputs {
			outputs[i] = withOnce(outputs[i], beside[i])
		}
	}
	return &Result{Verdict: worstOf(outputs), Outputs: outputs, Hints: all.hints}, nil
}

// oddFile is what is said of a file that ONNX Runtime may read in another way.
func oddFile(m *onnxfile.Model, odd string) *Result {
	v := Verdict{Kind: Unknown, Reason: "the file is written in an unusual way: " + odd}
	r := &Result{Verdict: v}
	for _, o := range m.Outputs {
		r.Outputs = append(r.Outputs, Output{Name: o.Name, Verdict: v})
	}
	for _, i := range m.Inputs {
		r.Hints = append(r.Hints, Hint{Name: i.Name, Axis: -1})
	}
	return r
}

func worstOf(outputs []Output) (worst Verdict) {
	if len(outputs) == 0 {
		return Verdict{Kind: Unknown, Reason: "the file has no outputs"}
	}
	for _, o := range outputs {
		v := o.Verdict
		if v.Kind == Proven && !o.RowsOnAxis0 {
			v = Verdict{Kind: Unknown, Reason: fmt.Sprintf("axis 0 of output %q has not one row for each row of the inputs", clip(o.Name))}
		}
		if v.Kind > worst.Kind {
			worst = v
		}
	}
	return worst
}

// prescribed is the number of rows that all inputs of the file fix, 0 if they do not.
func prescribed(m *onnxfile.Model, q Question) int64 {
	fixed := int64(0)
	for _, v := range m.Inputs {
		switch {
		case q.Once[v.Name] || q.Shared[v.Name]:
		case len(v.Type.Dims) == 0 || v.Type.Dims[0].Size <= 0 || fixed > 0 && fixed != v.Type.Dims[0].Size:
			return 0
		default:
			fixed = v.Type.Dims[0].Size
		}
	}
	return fixed
}

// asked are the inputs of the file that the question names as given once, and those of them
// that are scalars: these cannot be repeated.
func asked(m *onnxfile.Model, q Question) (once, scalars map[string]bool) {
	once, scalars = map[string]bool{}, map[string]bool{}
	for _, v := range m.Inputs {
		if q.Once[v.Name] {
			once[v.Name] = true
			if v.Type.Ranked && len(v.Type.Dims) == 0 {
				scalars[v.Name] = true
			}
		}
	}
	return once, scalars
}

// withOnce joins two views of an output. In the first the rows that are given once were
// repeated for each row; in the second they are the same for all rows of a request, as
// they are when it runs by itself. If each row is computed from its own inputs in both,
// both give what the row alone would give, so that repeating equals broadcasting.
func withOnce(repeated, beside Output) Output {
	if beside.Kind > repeated.Kind {
		repeated.Verdict = beside.Verdict
	}
	repeated.RowsOnAxis0 = repeated.Kind == Proven && repeated.RowsOnAxis0 && (beside.RowsOnAxis0 || beside.Same)
	repeated.Same = repeated.Kind == Proven && repeated.Same
	repeated.Once = repeated.Kind == Proven && repeated.RowsOnAxis0 && beside.Same
	return repeated
}

// analysis is one pass over a file.
type analysis struct {
	*table
	program *onnxfile.Program
	model   *onnxfile.Model
	asks    Question
	node    *onnxfile.Node // that is looked at
	steps   int
	over    bool
	hints   []Hint
	hinted  map[*onnxfile.Node]bool   // whose categories are noted
	fixed   map[*onnxfile.Node]*value // what Constant nodes give
}

func newAnalysis(p *onnxfile.Program, m *onnxfile.Model, q Question, limit int) *analysis {
	a := &analysis{table: newTable(q.Batch, limit), program: p, model: m, asks: q, steps: limit, hinted: map[*onnxfile.Node]bool{}, fixed: map[*onnxfile.Node]*value{}}
	for _, v := range m.Inputs {
		a.hints = append(a.hints, Hint{Name: v.Name, Axis: -1})
	}
	return a
}

func (a *analysis) run() []Output {
	s := &scope{values: map[string]*value{}, opsets: a.program.Opsets}
	for i, v := range a.model.Inputs {
		a.define(s, v.Name, a.input(i, v))
	}
	if a.program.Graph != nil {
		a.graph(a.program.Graph, s)
	} else {
		a.over = true
	}
	a.finishHints()
	var outputs []Output
	for _, v := range a.model.Outputs {
		if a.over || a.full {
			outputs = append(outputs, Output{Name: v.Name, Verdict: Verdict{Kind: Unknown, Reason: tooLarge}})
			continue
		}
		got, _ := a.find(s, v.Name)
		outputs = append(outputs, a.output(v.Name, got))
	}
	return outputs
}

// input is what a caller gives.
func (a *analysis) input(i int, v onnxfile.Value) *value {
	t := v.Type
	a.node = nil
	if t.Kind != onnxfile.KindTensor {
		return a.unknown(fmt.Sprintf("input %q is no tensor", clip(v.Name)))
	}
	once := a.asks.Once[v.Name] || a.rows == 1
	x := &value{class: rows, pre: a.constant(1), post: a.constant(1), element: t.Element, source: source{input: i + 1}}
	if once {
		x.class = uniform
	}
	switch {
	case !t.Ranked:
		return x
	case len(t.Dims) == 0 && !once:
		return a.unknown(fmt.Sprintf("input %q is a scalar, so it has no axis for the rows", clip(v.Name)))
	case len(t.Dims) > maxFollowedRank:
		return a.unknown(fmt.Sprintf("input %q has more axes than are followed", clip(v.Name)))
	}
	x.ranked = true
	for axis, d := range t.Dims {
		switch {
		case axis > 0 && d.Param != "" && d.Size < 0 && !once && d.Param == t.Dims[0].Param:
			return a.unknown(fmt.Sprintf("input %q has the rows' dimension on axis %d too", clip(v.Name), axis))
		case axis == 0 && once:
			x.dims = append(x.dims, a.constant(1))
		case axis == 0:
			x.dims = append(x.dims, a.count())
		case d.Size >= 0:
			x.dims = append(x.dims, a.constant(d.Size))
		default:
			x.dims = append(x.dims, a.fresh(symbol{dimension: true, input: i, axis: axis}))
		}
	}
	return x
}

// output is the verdict on a value that the graph gives.
func (a *analysis) output(name string, v *value) Output {
	o := Output{Name: name, Verdict: a.verdict(v)}
	switch {
	case o.Kind != Proven:
	case v.class == uniform:
		o.Same = true
		// A file of one row has rows that cannot mix.
		o.RowsOnAxis0 = a.rows == 1 && v.ranked && v.rank() > 0 && a.is(v.dims[0], 1)
	default:
		o.RowsOnAxis0 = v.axis == 0 && a.lone(v)
	}
	if o.RowsOnAxis0 && v.ranked {
		o.Ranked = true
		for _, d := range v.dims[1:] {
			o.Row = append(o.Row, a.dim(d))
		}
	}
	return o
}

func (a *analysis) verdict(v *value) Verdict {
	const number, position = "the result depends on the number of rows", "the result depends on a row's position"
	switch {
	case v == nil:
		return Verdict{Kind: Unknown, Reason: "no node computes it"}
	case v.of != nil && v.class <= rows:
		return a.blame(Unknown, &cause{node: v.born, reason: "the output is no tensor"})
	case v.class == uniform || v.class == rows && v.plain():
		return Verdict{}
	case v.class == counted && a.surely(v):
		return a.blame(Mixes, &cause{node: v.born, reason: number})
	case v.class == counted:
		return a.blame(Unknown, &cause{node: v.born, reason: "the result may depend on the number of rows"})
	case v.class == rows && v.padded != nil:
		return a.blame(Mixes, &cause{node: v.born, reason: "pads to the longest row of the batch"})
	case v.class == rows:
		return a.blame(Mixes, &cause{node: v.born, reason: position})
	case v.class == mixed:
		return a.blame(Mixes, v.cause)
	}
	return a.blame(Unknown, v.cause)
}

func (a *analysis) blame(kind Kind, c *cause) Verdict {
	v := Verdict{Kind: kind, Reason: c.reason}
	if c.node != nil {
		v.Op, v.Node = clip(c.node.Op), clip(c.node.Name)
		for _, name := range c.node.Outputs {
			if v.Node == "" {
				v.Node = clip(name)
			}
		}
	}
	return v
}

// dim tells a caller of a length.
func (a *analysis) dim(e expr) onnxfile.Dim {
	p := a.at(e)
	switch {
	case p.n == 0 && len(p.symbols) == 0 && p.coef >= 0:
		return onnxfile.Dim{Size: p.coef}
	case p.n == 0 && len(p.symbols) == 1 && p.coef == 1:
		if s := a.symbols[p.symbols[0]]; s.axis > 0 {
			return onnxfile.Dim{Size: -1, Param: a.model.Inputs[s.input].Type.Dims[s.axis].Param}
		}
	}
	return onnxfile.Dim{Size: -1}
}

// clip shortens a name for a message.
func clip(name string) string {
	const most = 80
	if len(name) <= most {
		return name
	}
	return name[:most] + "…"
}
