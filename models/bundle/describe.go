package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"sluice/internal/prescan"
	"sluice/internal/tensor"
)

// The bounds of what is believed of a trial process's description.
const (
	MaxDescriptionBytes  = 16 << 20
	maxDescriptionValues = 1 << 18 // a schema of 4,096 inputs has some 100,000
	maxDescriptionDepth  = 16
	maxDescribedName     = 4096
	maxDescribedInputs   = 4096
	maxTraps             = 16
)

// description is what a bundle's files say: all that is learned by parsing them.
type description struct {
	Config Config
	// Padding is the bits of the values of Config.Padding, since JSON has no word for some numbers.
	Padding map[string]uint64
	Graph   Graph
}

// Describe parses the settings, the labels and the model file. It is for the trial process: a parser
// may take any memory and time.
func (b *Bundle) Describe(d Defaults, devices []string, inspect func(*Bundle) (*Graph, error)) (*Graph, error) {
	t, err := b.readTriton()
	if err != nil {
		return nil, err
	}
	s, err := b.sources()
	if err != nil {
		return nil, err
	}
	if b.Config, err = s.Decode(t.over(d)); err != nil {
		return nil, err
	}
	t.settings(&b.Config)
	if err := b.Config.checkKnown(s, devices); err != nil {
		return nil, err
	}
	g, err := inspect(b)
	if err != nil {
		return nil, err
	}
	return g, g.checkNames()
}

// EncodeDescription is what decodeDescription reads.
func EncodeDescription(c *Config, g *Graph) ([]byte, error) {
	d := description{Config: *c, Graph: *g}
	if p := c.Padding; p != nil && len(p.Values) > 0 {
		other := *p
		other.Values, d.Padding = nil, map[string]uint64{}
		for name, value := range p.Values {
			d.Padding[name] = math.Float64bits(value)
		}
		d.Config.Padding = &other
	}
	text, err := json.Marshal(&d)
	if err == nil && len(text) > MaxDescriptionBytes {
		err = fmt.Errorf("what its files say takes %d bytes; the limit is %d", len(text), MaxDescriptionBytes)
	}
	return text, err
}

// DecodeDescription reads what a trial process wrote. It may have been led astray by the files that
// it read: what could not be served safely is refused.
func DecodeDescription(text []byte) (*Config, *Graph, error) {
	if err := prescan.JSON(text, prescan.JSONLimits{Depth: maxDescriptionDepth, Values: maxDescriptionValues}); err != nil {
		return nil, nil, fmt.Errorf("what its files say is too much: %w", err)
	}
	var d description
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("it says more than one thing")
	}
	c := &d.Config
	if err := errors.Join(d.padding(), c.checkOrigins()); err != nil {
		return nil, nil, err
	}
	if err := c.Triton.checkShapes(); err != nil {
		return nil, nil, err
	}
	// The settings follow the rules that a file's must.
	given := *c
	if c.BudgetFrom != BudgetOwn {
		given.Budget = unsetBudget
	}
	if err := errors.Join(given.validate(), c.checkPlaces(Sources{}), c.faultsOf(c.comparisonFaults(nil)), c.featureFaults(nil)); err != nil {
		return nil, nil, err
	}
	if c.Budget < 0 {
		return nil, nil, fmt.Errorf("its budget is %v", c.Budget)
	}
	return c, &d.Graph, d.Graph.check()
}

func (d *description) padding() error {
	p := d.Config.Padding
	switch {
	case len(d.Padding) == 0:
		return nil
	case p == nil || p.Values != nil:
		return errors.New("it pads and does not")
	}
	p.Values = make(map[string]float64, len(d.Padding))
	for name, bits := range d.Padding {
		p.Values[name] = math.Float64frombits(bits)
	}
	return nil
}

// checkNames refuses what could not be told to anybody.
func (g *Graph) checkNames() error {
	for _, specs := range [][]tensor.Spec{g.Schema.Inputs, g.Schema.Optional, g.Schema.Outputs} {
		for i := range specs {
			if name := specs[i].Name; len(name) > maxDescribedName || !utf8.ValidString(name) {
				return fmt.Errorf("an input or output has the name %.64q of %d bytes; names are UTF-8 of up to %d bytes", name, len(name), maxDescribedName)
			}
		}
	}
	return nil
}

// check holds a graph against what the gates and the gateway rely on.
func (g *Graph) check() error {
	s := &g.Schema
	switch {
	case len(s.Inputs) == 0 || len(s.Inputs)+len(s.Optional) > 2*maxDescribedInputs || len(s.Outputs) == 0 || len(s.Outputs) > 64:
		return fmt.Errorf("it has %d inputs, %d optional ones and %d outputs", len(s.Inputs), len(s.Optional), len(s.Outputs))
	case len(g.InputAxes) != len(s.Inputs) || len(g.OutputAxes) != len(s.Outputs):
		return errors.New("it does not name each axis")
	case s.MaxBatch < 0 || s.MaxBatch > maxBatchLimit || s.MaxRows < 0 || s.MaxRows > maxRowsLimit || s.MaxRows < s.MaxBatch:
		return fmt.Errorf("it takes batches of %d rows and requests of %d", s.MaxBatch, s.MaxRows)
	case g.FixedBatch < 0 || g.FixedBatch > maxBatchLimit:
		return fmt.Errorf("it fixes the batch at %d rows", g.FixedBatch)
	case s.Padding != nil || s.Reshaped || g.Reason == "" != s.Batchable():
		return errors.New("it is settled before it is")
	case g.Hints != nil && len(g.Hints) != len(s.Inputs):
		return fmt.Errorf("it has %d inputs and hints on %d", len(s.Inputs), len(g.Hints))
	case g.Independence != nil && (len(g.Independence.Outputs) != len(s.Outputs) || g.Independence.Shown > ShownMixing):
		return errors.New("it does not say of each output whether rows keep apart")
	case len(g.Traps) > maxTraps || slices.ContainsFunc(g.Traps, func(t string) bool { return len(t) > maxDescribedName || !utf8.ValidString(t) }):
		return fmt.Errorf("it tells of %d operators that end a process", len(g.Traps))
	case len(g.External) > maxBundleFiles:
		return fmt.Errorf("it keeps weights in %d files", len(g.External))
	}
	if err := errors.Join(g.checkNames(), g.Composition.check()); err != nil {
		return err
	}
	for _, list := range []struct {
		specs []tensor.Spec
		axes  [][]string
		batch bool
	}{{s.Inputs, g.InputAxes, s.Batchable()}, {s.Outputs, g.OutputAxes, s.Batchable()}, {s.Optional, nil, false}} {
		for i := range list.specs {
			if err := checkSpec(&list.specs[i], list.batch); err != nil {
				return err
			}
			// An output that is declared without a shape has no axes to name.
			if list.axes != nil && len(list.axes[i]) > len(list.specs[i].Shape) {
				return fmt.Errorf("%.64q has more names of axes than axes", list.specs[i].Name)
			}
		}
	}
	for _, e := range g.External {
		if !plainName(e.Location) || e.Offset < 0 || e.Length < -1 {
			return fmt.Errorf("it keeps weights in %.64q from %d on", e.Location, e.Offset)
		}
	}
	return nil
}

func checkSpec(spec *tensor.Spec, batchable bool) error {
	ok := spec.Name != "" && slices.Contains(tensor.DataTypes, spec.Type) && len(spec.Shape) <= maxObservedRank && spec.Wire == nil
	for _, d := range spec.Shape {
		ok = ok && (d == -1 || d > 0)
	}
	if batchable {
		ok = ok && len(spec.Shape) > 0 && (spec.Shape[0] == -1 || spec.Once)
	}
	if !ok {
		return fmt.Errorf("%.64q has the type %s and the shape %.200s", spec.Name, spec.Type, fmt.Sprint(spec.Shape))
	}
	return nil
}
