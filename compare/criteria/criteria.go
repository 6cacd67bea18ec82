package criteria

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/compare/measure"
	"sluice/internal/agree"
	"sluice/internal/near"
	"sluice/internal/tensor"
)

// Output is what an output of a model means. All of it may be left out: a kind is guessed then.
type Output struct {
	// Kind is tensor, embedding, regression, probability, class or ranked. Default none, guessed from datatype, shape and labels.
	Kind string `yaml:"kind" json:"kind,omitempty"`
	// Threshold is from where on a probability is a yes. Default 0.5.
	Threshold float64 `yaml:"threshold" json:"threshold,omitempty"`
	// Column is the element of a row that is the probability, from 1. Default none, the last one.
	Column int `yaml:"column" json:"column,omitempty"`
	// Shown is how many items of a list the product shows. Default 10.
	Shown int `yaml:"shown" json:"shown,omitempty"`
	// Tolerance is what a difference is measured in. Default none, that of the model.
	Tolerance *agree.Tolerance `yaml:"tolerance" json:"tolerance,omitempty"`
}

// The figures that are of no output.
const (
	// Errors is the share of units that the candidate did not answer, or not in the form of the primary's answer.
	Errors = "errors"
	// Latency is the candidate's device time less the primary's.
	Latency = "latency"
	// Defaulted is the share of stored values in whose place a default stands, of the candidate less that of the primary. It is known
	// where candidates fill their inputs themselves.
	Defaulted = "defaults"
)

// wholes are the figures that are of no output.
var wholes = []string{Errors, Latency, Defaulted}

// Criterion is what a candidate has to show. One of AtMost and Within is given.
type Criterion struct {
	// Output is the name of the output that the figure is of. Default none, of the figures errors, latency and defaults.
	Output string `yaml:"output" json:"output,omitempty"`
	// Figure is what is limited, which must be given: errors, latency, defaults (with shadow: pipeline), or a figure of the output's kind.
	Figure string `yaml:"figure" json:"figure"`
	// AtMost is the largest value that is allowed: of a share a number such as 0.002 or 0.2%, of latency a time such as 0.5ms. Default none.
	AtMost *Limit `yaml:"at_most" json:"at_most,omitempty"`
	// Within is how far a mean may be from 0 on either side. Default none.
	Within *Limit `yaml:"within" json:"within,omitempty"`
	// Alpha is how probable a wrong verdict may be. Default 0.05. Too low needs more units; too high is wrong more often.
	Alpha float64 `yaml:"alpha" json:"alpha,omitempty"`
	// MostUnits is after how many units a person decides. Default 20000. Too low leaves much to a person; too high waits long.
	MostUnits int64 `yaml:"most_units" json:"most_units,omitempty"`
}

// The defaults of a criterion, and its bounds.
const (
	DefaultAlpha     = 0.05
	DefaultMostUnits = 20_000
	maxMostUnits     = 1_000_000_000
	maxCriteria      = 64
	maxSegmentInputs = 8
)

// Limit is a number, or a time in seconds.
type Limit float64

// At is a limit of a value.
func At(x float64) *Limit { return (*Limit)(&x) }

// UnmarshalYAML reads a number, a percentage such as 0.2%, or a time such as 0.5ms.
func (l *Limit) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	x, err := ParseLimit(text)
	if err != nil {
		return err
	}
	*l = Limit(x)
	return nil
}

// ParseLimit reads a number, a percentage such as 0.2%, or a time such as 0.5ms.
func ParseLimit(text string) (float64, error) {
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return x, nil
	}
	if number, is := strings.CutSuffix(text, "%"); is {
		if x, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil {
			return x / 100, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d.Seconds(), nil
	}
	return 0, fmt.Errorf("the limit %.40q is no number, no percentage such as 0.2%% and no time such as 0.5ms", text)
}

// Name tells a criterion from the others of its model.
func (c *Criterion) Name() string {
	if c.Output == "" {
		return c.Figure
	}
	return c.Output + " " + c.Figure
}

// Role is what the figure is: the criterion must have been checked.
func (c *Criterion) Role(kind measure.Kind) measure.Role {
	switch c.Figure {
	case Errors, Defaulted:
		return measure.Share
	case Latency:
		return measure.Mean
	}
	for _, f := range kind.Figures() {
		if f.Name == c.Figure {
			return f.Role
		}
	}
	return measure.Largest
}

// Check finds fault with a criterion by itself: what can be said without a schema.
func (c *Criterion) Check() error {
	switch {
	case c.Figure == "":
		return errors.New("it has no figure: name what is limited, such as differs, flip, errors or latency")
	case c.Output != "" && slices.Contains(wholes, c.Figure):
		return fmt.Errorf("%s is of the whole answer: leave the output %.64q out", c.Figure, c.Output)
	case c.Output == "" && !slices.Contains(wholes, c.Figure):
		return fmt.Errorf("%.64q is a figure of an output: name the output; errors, latency and defaults alone need none%s", c.Figure, near.Meant(c.Figure, wholes))
	case (c.AtMost == nil) == (c.Within == nil):
		return errors.New("it has either at_most or within")
	case c.Alpha != 0 && !(c.Alpha > 0 && c.Alpha <= 0.5):
		return fmt.Errorf("alpha is %v; it is above 0 and at most 0.5", c.Alpha)
	case c.MostUnits < 0 || c.MostUnits > maxMostUnits:
		return fmt.Errorf("most_units is %d; it is from 1 to %d", c.MostUnits, maxMostUnits)
	}
	if l := c.Within; l != nil && !(*l > 0 && !math.IsInf(float64(*l), 0)) {
		return fmt.Errorf("within is %v; it is a number above 0", *l)
	}
	if l := c.AtMost; l != nil && (math.IsNaN(float64(*l)) || math.IsInf(float64(*l), 0)) {
		return fmt.Errorf("at_most is %v; it is a number", *l)
	}
	return nil
}

// fits holds a criterion against the kind of its output.
func (c *Criterion) fits(kind measure.Kind) error {
	if c.Output != "" {
		var names []string
		for _, f := range kind.Figures() {
			if f.Role != measure.Largest {
				names = append(names, f.Name)
			}
			if f.Name == c.Figure && f.Role == measure.Largest {
				return fmt.Errorf("%s is the largest of all units, which only grows and shows nothing: use differs, or abs_difference", c.Figure)
			}
		}
		if !slices.Contains(names, c.Figure) {
			return fmt.Errorf("%.64q is no figure of %s outputs; there are %s%s", c.Figure, kind, strings.Join(names, ", "), near.Meant(c.Figure, names))
		}
	}
	if c.Role(kind) == measure.Share {
		switch {
		case c.Within != nil:
			return fmt.Errorf("%s is a share, from 0 to 1: it has at_most, not within", c.Figure)
		case !(*c.AtMost >= 0 && *c.AtMost < 1):
			return fmt.Errorf("at_most is %v; of the share %s it is from 0 to below 1", *c.AtMost, c.Figure)
		case *c.AtMost == 0:
			return fmt.Errorf("at_most is 0, which no number of units can show: give %s the share that does no harm, such as 0.001", c.Figure)
		}
	}
	return nil
}

// KindOf is the kind of an output, declared or guessed.
func KindOf(schema *tensor.Schema, spec *tensor.Spec, o Output) (measure.Kind, error) {
	if o.Kind != "" {
		return measure.ParseKind(o.Kind)
	}
	return measure.Guess(spec, Rows(schema, spec)), nil
}

// Rows tells whether axis 0 of an output counts the rows of a request.
func Rows(schema *tensor.Schema, spec *tensor.Spec) bool { return schema.Batchable() && !spec.Once }

// Options are those of the comparer of an output.
func Options(schema *tensor.Schema, spec *tensor.Spec, o Output, tolerance agree.Tolerance) (measure.Options, error) {
	kind, err := KindOf(schema, spec, o)
	if o.Tolerance != nil {
		tolerance = *o.Tolerance
	}
	return measure.Options{Kind: kind, Batchable: Rows(schema, spec), Tolerance: tolerance, Threshold: o.Threshold, Column: o.Column, Shown: o.Shown}, err
}

// Or gives the alpha and the most units that hold for a criterion.
func (c *Criterion) Or(alpha float64, most int64) (float64, int64) {
	return cmp.Or(c.Alpha, alpha, DefaultAlpha), cmp.Or(c.MostUnits, most, DefaultMostUnits)
}

// decisive is the figure by which each kind is judged where nobody declares it, and what it may be. No limit suits every
// product: these find what is broken, and let pass what is within the tolerance.
var decisive = [...]struct {
	figure string
	limit  float64
}{
	measure.Tensor: {"differs", 0.01}, measure.Embedding: {"differs", 0.01}, measure.Regression: {"differs", 0.01},
	measure.Probability: {"flip", 0.005}, measure.Class: {"differs", 0.005}, measure.Ranked: {"rbo_distance", 0.02},
}

// Defaults are the criteria of a model that declares none: each output by the figure of its kind that decides, its
// mismatches of NaN, and the errors.
func Defaults(schema *tensor.Schema, outputs map[string]Output) (list []Criterion) {
	for i := range schema.Outputs {
		spec := &schema.Outputs[i]
		kind, err := KindOf(schema, spec, outputs[spec.Name])
		if err != nil {
			continue // Check tells
		}
		by := decisive[kind]
		list = append(list, Criterion{Output: spec.Name, Figure: by.figure, AtMost: At(by.limit)})
		if spec.Type.Float() {
			list = append(list, Criterion{Output: spec.Name, Figure: "mismatch", AtMost: At(0.001)})
		}
	}
	return append(list, Criterion{Figure: Errors, AtMost: At(0.001)})
}
