package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/near"
	"sluice/internal/tensor"
)

// Rung is what answers in a model's place where too little of its features was found. It is one of three.
type Rung struct {
	// Previous is the version that a rollback would go to.
	Previous bool
	// Model is another model: NAME, whose live version answers, or NAME:VERSION.
	Model string
	// Constant is a fixed answer: the values of each output, by its name.
	Constant map[string]Constant
}

// Constant is what an output has in each row: one value for all of its elements, or one for each. They are texts, so that
// no number loses digits.
type Constant []string

// The words for rungs.
const (
	rungPrevious = "previous"
	rungModel    = "model"
	rungConstant = "constant"
)

const maxRungs = 8

// Name is how answers and metrics call the rung.
func (r *Rung) Name() string {
	switch {
	case r.Previous:
		return rungPrevious
	case r.Model != "":
		return rungModel + ":" + r.Model
	}
	return rungConstant
}

// Target is the model that another rung names, and its version; that is empty for the live one.
func (r *Rung) Target() (model, version string) {
	model, version, _ = strings.Cut(r.Model, ":")
	return model, version
}

// UnmarshalYAML reads the word previous, or a mapping with one key, model or constant.
func (r *Rung) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	return r.Set(v)
}

// Set takes what YAML has made of the value.
func (r *Rung) Set(v any) error {
	*r = Rung{Previous: v == rungPrevious}
	of, _ := v.(map[string]any)
	if model, ok := of[rungModel].(string); ok && len(of) == 1 {
		r.Model = model
	}
	if outputs, ok := of[rungConstant].(map[string]any); ok && len(of) == 1 {
		r.Constant = make(map[string]Constant, len(outputs))
		for _, name := range slices.Sorted(maps.Keys(outputs)) {
			values, err := constantOf(outputs[name])
			if err != nil {
				return fmt.Errorf("output %.60q: %w", name, err)
			}
			r.Constant[name] = values
		}
	}
	if r.kinds() != 1 {
		return fmt.Errorf("it is %.60q; it must be previous, {model: NAME}, {model: NAME:VERSION} or {constant: {OUTPUT: VALUE}}", fmt.Sprint(v))
	}
	return nil
}

// constantOf reads one value, or a list.
func constantOf(v any) (values Constant, err error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		text, ok := numberText(e)
		switch e := e.(type) {
		case string:
			text, ok = e, true
		case bool:
			text, ok = strconv.FormatBool(e), true
		}
		if !ok {
			return nil, fmt.Errorf("it has the value %.40q; give a number, a text, or a list of them", fmt.Sprint(e))
		}
		values = append(values, text)
	}
	return values, nil
}

// kinds is how many of the three the rung is.
func (r *Rung) kinds() (n int) {
	for _, is := range []bool{r.Previous, r.Model != "", r.Constant != nil} {
		if is {
			n++
		}
	}
	return n
}

// ladder finds fault with the rungs as far as they themselves tell.
func (c *checker) ladder() {
	switch {
	case len(c.Ladder) > maxRungs:
		c.fail(".ladder", "it has %d rungs; the limit is %d", len(c.Ladder), maxRungs)
	case len(c.Ladder) > 0 && c.MinPresent == 0:
		c.fail(".ladder", "min_present is 0, and nothing is below that: set it to the share of stored values that the model's own answer takes")
	}
	for i := range c.Ladder {
		at, name := fmt.Sprintf(".ladder[%d]", i), c.Ladder[i].Name()
		switch {
		case c.Ladder[i].kinds() != 1:
			c.fail(at, "it must be previous, a model or a constant")
		case i > 0 && c.Ladder[i-1].Constant != nil:
			c.fail(at, "it stands behind a constant, which always answers: move it before that, or take it out")
		case slices.ContainsFunc(c.Ladder[:i], func(r Rung) bool { return r.Name() == name }):
			c.fail(at, "%.80s is there twice: one that has refused a request is not asked again", name)
		}
	}
}

// ladder makes the rungs of the plan.
func (c *compiler) ladder() {
	for i := range c.Ladder {
		r := &c.Ladder[i]
		p := RungPlan{Name: r.Name(), Previous: r.Previous}
		p.Model, p.Version = r.Target()
		if r.Constant != nil {
			p.Constant = c.constant(fmt.Sprintf(".ladder[%d]", i), r.Constant)
		}
		c.plan.Ladder = append(c.plan.Ladder, p)
	}
}

// constant makes a fixed answer, which has every output of the model.
func (c *compiler) constant(at string, values map[string]Constant) (all []ConstantPlan) {
	var names []string
	for k := range c.session.Outputs {
		spec := &c.session.Outputs[k]
		names = append(names, spec.Name)
		text, there := values[spec.Name]
		if !there {
			c.fail(at, "it has no value of the output %.60q: an answer has every output of the model", spec.Name)
			continue
		}
		one, err := c.constantOutput(spec, text)
		if err != nil {
			c.fail(at, "output %.60q: %w", spec.Name, err)
		}
		all = append(all, one)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			c.fail(at, "%.60q is no output of the model%s; its outputs are %s", name, near.Meant(name, names), strings.Join(names, ", "))
		}
	}
	return all
}

// constantOutput makes a row of an output; or all of it, if it has no rows.
func (c *compiler) constantOutput(spec *tensor.Spec, values Constant) (p ConstantPlan, err error) {
	if spec.Dynamic {
		return p, errors.New("its shape is known after a run alone, so that no constant can have it")
	}
	p.Shape = slices.Clone(spec.Shape)
	if p.Rows = len(p.Shape) > 0 && p.Shape[0] < 0; p.Rows {
		p.Shape = p.Shape[1:]
	}
	elements, free := 1, -1
	for axis, n := range p.Shape {
		switch {
		case n >= 0:
			elements = min(elements*int(min(n, maxColumns+1)), maxColumns+1)
		case free >= 0:
			return p, fmt.Errorf("its row has the shape %s, with several free axes, so that no constant can have it", tensor.ShapeText(p.Shape))
		default:
			free = axis
		}
	}
	n := len(values)
	switch {
	case elements > maxColumns || n > maxColumns:
		return p, fmt.Errorf("a row has more than %d values, which is the limit of a constant", maxColumns)
	case free >= 0 && (n == 0 || elements == 0 || n%elements > 0):
		return p, fmt.Errorf("it has %d values; a row of the shape %s has a multiple of %d", n, tensor.ShapeText(p.Shape), elements)
	case free >= 0:
		p.Shape[free] = int64(n / elements)
		elements = n
	case n != 1 && n != elements:
		return p, fmt.Errorf("it has %d values and a row has %d: give one for all, or one for each", n, elements)
	}
	for i := range elements {
		text := values[min(i, n-1)]
		if p.Data, err = appendValue(p.Data, spec.Type, text); err != nil {
			return p, fmt.Errorf("value %.40q: %w", text, err)
		}
	}
	return p, nil
}
