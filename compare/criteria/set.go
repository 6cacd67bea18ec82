package criteria

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/compare/measure"
	"sluice/internal/agree"
	"sluice/internal/near"
	"sluice/internal/tensor"
)

// Set is all that the settings of a model say of comparisons.
type Set struct {
	Outputs  map[string]Output `json:"outputs,omitempty"`
	Criteria []Criterion       `json:"criteria,omitempty"`
	Segments []string          `json:"segments,omitempty"`
}

// Fault is what is wrong with a part of a set: At is its place in the settings, such as criteria[1].
type Fault struct {
	At  string
	Err error
}

// Check finds fault with a set for a model, as many faults as there are. Without a schema it says what can be said of the
// settings alone.
func (s *Set) Check(schema *tensor.Schema) (faults []Fault) {
	fail := func(at string, err error) {
		if err != nil {
			faults = append(faults, Fault{at, err})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Outputs)) {
		fail("outputs."+name, s.checkOutput(schema, name))
	}
	if len(s.Criteria) > maxCriteria {
		fail("criteria", fmt.Errorf("there are %d; the most are %d", len(s.Criteria), maxCriteria))
	}
	for i := range s.Criteria {
		c := &s.Criteria[i]
		err := c.Check()
		if same := slices.IndexFunc(s.Criteria[:i], func(o Criterion) bool { return o.Name() == c.Name() }); err == nil && same >= 0 {
			err = fmt.Errorf("criteria[%d] limits %s already", same, c.Name())
		}
		if err == nil && schema != nil {
			err = s.checkCriterion(schema, c)
		}
		fail(fmt.Sprintf("criteria[%d]", i), err)
	}
	if len(s.Segments) > maxSegmentInputs {
		fail("segments", fmt.Errorf("there are %d; the most are %d", len(s.Segments), maxSegmentInputs))
	}
	for i, name := range s.Segments {
		fail(fmt.Sprintf("segments[%d]", i), s.checkSegment(schema, i, name))
	}
	return faults
}

func (s *Set) checkOutput(schema *tensor.Schema, name string) error {
	o := s.Outputs[name]
	if o.Kind != "" {
		if _, err := measure.ParseKind(o.Kind); err != nil {
			return err
		}
	}
	// The comparer knows what fits; without a schema it is asked about an output that everything fits.
	spec, batched := &tensor.Spec{Name: name, Type: tensor.FP32, Shape: []int64{-1}}, &tensor.Schema{MaxBatch: 1}
	if schema != nil {
		at := schema.Output([]byte(name))
		if at < 0 {
			return fmt.Errorf("the model has no output %.64q; it has %s", name, strings.Join(namesOf(schema.Outputs), ", "))
		}
		spec, batched = &schema.Outputs[at], schema
	}
	options, err := Options(batched, spec, o, agree.Tolerance{})
	if err != nil {
		return err
	}
	_, err = measure.NewComparer(spec, options)
	return err
}

func (s *Set) checkCriterion(schema *tensor.Schema, c *Criterion) error {
	if c.Output == "" {
		return c.fits(measure.Tensor)
	}
	at := schema.Output([]byte(c.Output))
	if at < 0 {
		names := namesOf(schema.Outputs)
		return fmt.Errorf("the model has no output %.64q; it has %s%s", c.Output, strings.Join(names, ", "), near.Meant(c.Output, names))
	}
	kind, err := KindOf(schema, &schema.Outputs[at], s.Outputs[c.Output])
	if err != nil {
		return nil // told of the output
	}
	return c.fits(kind)
}

func (s *Set) checkSegment(schema *tensor.Schema, i int, name string) error {
	if slices.Contains(s.Segments[:i], name) {
		return fmt.Errorf("%.64q is there twice", name)
	}
	if schema == nil {
		return nil
	}
	at := schema.Input([]byte(name))
	if at < 0 {
		return fmt.Errorf("the model has no input %.64q; it has %s", name, strings.Join(namesOf(schema.Inputs), ", "))
	}
	if t := schema.Inputs[at].Type; t.Float() {
		return fmt.Errorf("the input %.64q is %s: segments are by text, whole numbers or switches", name, t)
	}
	return nil
}

func namesOf(specs []tensor.Spec) []string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return names
}
