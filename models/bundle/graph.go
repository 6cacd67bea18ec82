package bundle

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/onnxfile/traps"
	"sluice/internal/tensor"
)

// Graph is what a model file says of itself under the bundle's settings.
type Graph struct {
	// Schema has neither labels from model.yaml nor padding yet. Its outputs are as the file
	// declares them, which is not always as they are: see Observation.
	Schema tensor.Schema
	// InputAxes[i] names the dimensions of input i, OutputAxes likewise; "" where the file
	// gives none.
	InputAxes, OutputAxes [][]string
	// FixedBatch is the batch size that the file prescribes; 0 if it is free.
	FixedBatch int
	// Reason says why its inputs carry no rows that could be batched; empty if they do.
	Reason string
	// Independence is what the graph shows of its rows; nil if nobody has looked.
	Independence *Independence
	// Hints say what each input may hold; nil if nothing is known.
	Hints []dataflow.Hint
	// Traps are operators that end the process for some values of what they are given.
	Traps []string
	// External are the files beside the model file that hold its weights, each once.
	External []onnxfile.External
	// Composition is what the file consists of; nil if nobody has looked, or it is too long to tell.
	Composition *Composition
}

// Composition is what a model file consists of, for people.
type Composition struct {
	// Producer is the program that wrote it, with its version.
	Producer string `json:"producer"`
	// Opsets are the versions of the operator sets by domain; the standard one is "".
	Opsets map[string]int64 `json:"opsets"`
	// Operators counts the nodes by operator, those of nested graphs and of the file's functions too: "Op" in the
	// standard domain, "domain.Op" in others.
	Operators map[string]int `json:"operators"`
}

// The bounds of a composition.
const (
	maxProducer  = 256
	maxOperators = 4096 // and operator sets
)

func compose(file *onnxfile.Model) *Composition {
	c := &Composition{Producer: strings.ToValidUTF8(file.Producer[:min(len(file.Producer), maxProducer)], ""), Opsets: file.Opsets, Operators: file.Ops}
	if c.check() != nil {
		return nil
	}
	return c
}

// check holds it against its bounds.
func (c *Composition) check() error {
	if c == nil {
		return nil
	}
	ok := len(c.Producer) <= maxProducer && len(c.Operators) <= maxOperators && len(c.Opsets) <= maxOperators
	for name, n := range c.Operators {
		ok = ok && n > 0 && len(name) <= maxProducer && utf8.ValidString(name)
	}
	for name := range c.Opsets {
		ok = ok && len(name) <= maxProducer && utf8.ValidString(name)
	}
	if !ok {
		return fmt.Errorf("it consists of %d operators in %d sets, or has names of more than %d bytes", len(c.Operators), len(c.Opsets), maxProducer)
	}
	return nil
}

// InspectONNX reads the model file without ONNX Runtime, which would follow paths in the
// file and may crash on it. Data outside the bundle's own folder is refused here.
func InspectONNX(b *Bundle) (*Graph, error) {
	root, err := os.OpenRoot(b.From.Own)
	if err != nil {
		return nil, fmt.Errorf("cannot open the bundle's folder: %w", BareError(err))
	}
	defer root.Close()
	data, err := readText(root, b.ModelName, maxModelBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the model: %w", err)
	}
	file, err := onnxfile.Parse(data)
	if err != nil {
		return nil, notONNX(b.ModelName, data, err)
	}
	g := &Graph{External: file.External, Composition: compose(file)}
	if err := b.Config.Triton.narrow(file); err != nil {
		return nil, err
	}
	rules := onnxfile.Rules{
		MaxBatch: b.Config.MaxBatch, MaxRows: b.Config.MaxRows, Once: b.Config.Once, Optional: b.Config.Optional, Whole: b.Config.MaxBatch == 0,
	}
	inferred, err := onnxfile.Infer(file, rules)
	if err != nil {
		return nil, err
	}
	if err := b.Config.Triton.check(inferred, b.Config.MaxBatch); err != nil {
		return nil, err
	}
	if inferred, err = g.analyze(data, file, rules, inferred); err != nil {
		return nil, err
	}
	if g.Traps, err = traps.Find(data, file); err != nil {
		return nil, err
	}
	g.Schema, g.FixedBatch, g.Reason = inferred.Schema, inferred.FixedBatch, inferred.Reason
	g.InputAxes, g.OutputAxes = axisNames(file.Inputs), axisNames(file.Outputs)
	return g, nil
}

// Whole is the schema of a run that takes a request as it comes and has every output allocated
// by the library.
func (g *Graph) Whole() *tensor.Schema {
	s := Unbatched(&g.Schema, g.FixedBatch)
	s.Optional = nil
	s.Outputs = slices.Clone(s.Outputs)
	for k := range s.Outputs {
		s.Outputs[k].Dynamic = true
	}
	return s
}

func axisNames(values []onnxfile.Value) [][]string {
	names := make([][]string, len(values))
	for i, v := range values {
		for _, d := range v.Type.Dims {
			names[i] = append(names[i], d.Param)
		}
	}
	return names
}

// notONNX says of a file that cannot be read as a model what it is instead, if that shows, and
// what to do.
func notONNX(name string, data []byte, err error) error {
	start := data[:min(len(data), 64)]
	if end := bytes.IndexAny(start, "\r\n"); end > 0 {
		start = start[:end]
	}
	switch {
	case len(data) == 0:
		return fmt.Errorf("%s: %w: copy or export it again", name, err)
	case bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")):
		return fmt.Errorf("%s is a pointer of Git LFS in place of a model: fetch the file with git lfs pull", name)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("\x1f\x8b")):
		return fmt.Errorf("%s is an archive in place of a model: unpack it", name)
	case len(bytes.Trim(data[:min(len(data), 1024)], "\x00")) == 0:
		return fmt.Errorf("%s begins with zeros in place of a model: it was not copied whole; copy it again", name)
	case isText(start):
		return fmt.Errorf("%s is a text in place of a model, and begins with %q: put the exported model there", name, start)
	}
	return fmt.Errorf("%s is %w: it is damaged or not whole; copy or export it again", name, err)
}

// isText tells whether people could read the beginning of a file.
func isText(start []byte) bool {
	for len(start) > 0 {
		r, size := utf8.DecodeRune(start)
		if r == utf8.RuneError && len(start) >= utf8.UTFMax || r != utf8.RuneError && !unicode.IsPrint(r) && r != '\t' {
			return false
		}
		start = start[size:]
	}
	return true
}

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
