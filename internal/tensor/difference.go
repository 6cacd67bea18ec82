package tensor

import (
	"fmt"
	"slices"
	"strings"
)

// maxDifferences is how many differences of two schemas are told one by one.
const maxDifferences = 16

// Difference tells in a sentence for each point, joined by "; ", what a client sees of another schema that is not as in
// s; empty if it cannot tell the two apart. It compares names, datatypes, shapes in requests and answers, order, what may
// be left out, what is given once, labels, layouts of pictures, and whether axis 0 is the rows of a batch. Limits, such as
// the most rows of a request, are not compared: they bound what is taken, and do not change its form.
func (s *Schema) Difference(other *Schema) string {
	var d differences
	if s.Batchable() != other.Batchable() {
		d.add("requests run %s instead of %s", forms(other), forms(s))
	}
	d.list("input", given(s), given(other))
	d.list("output", named(s.Outputs, false), named(other.Outputs, false))
	return d.String()
}

func forms(s *Schema) string {
	if s.Batchable() {
		return "in batches of rows"
	}
	return "whole"
}

// offered is an input or an output as a client sees it.
type offered struct {
	*Spec
	optional bool
}

func given(s *Schema) []offered { return append(named(s.Inputs, false), named(s.Optional, true)...) }

func named(specs []Spec, optional bool) []offered {
	all := make([]offered, len(specs))
	for i := range specs {
		all[i] = offered{&specs[i], optional}
	}
	return all
}

// differences are sentences, of which the first are kept.
type differences struct {
	texts []string
	more  int
}

func (d *differences) add(format string, args ...any) {
	if len(d.texts) == maxDifferences {
		d.more++
		return
	}
	d.texts = append(d.texts, fmt.Sprintf(format, args...))
}

func (d *differences) String() string {
	text := strings.Join(d.texts, "; ")
	if d.more > 0 {
		text += fmt.Sprintf("; and %d more", d.more)
	}
	return text
}

// list compares the inputs, or the outputs, of two schemas. Their order counts among those that both have in the same
// way: what is new, is gone, or may be left out now has been told.
func (d *differences) list(kind string, was, is []offered) {
	before := make(map[string]offered, len(was))
	for _, w := range was {
		before[w.Name] = w
	}
	now := make(map[string]bool, len(is))
	kept := map[string]bool{}
	for _, i := range is {
		now[i.Name] = true
		w, there := before[i.Name]
		if !there {
			d.add("%s %.64q is new", kind, i.Name)
			continue
		}
		kept[i.Name] = w.optional == i.optional
		d.spec(fmt.Sprintf("%s %.64q", kind, i.Name), w, i)
	}
	for _, w := range was {
		if !now[w.Name] {
			d.add("%s %.64q is gone", kind, w.Name)
		}
	}
	order := func(all []offered) (names []string) {
		for _, o := range all {
			if kept[o.Name] {
				names = append(names, o.Name)
			}
		}
		return names
	}
	if a, b := order(was), order(is); !slices.Equal(a, b) {
		at := 0
		for a[at] == b[at] {
			at++
		}
		d.add("the order of %ss is another, from %.64q in the place of %.64q on", kind, b[at], a[at])
	}
}

// spec compares an input or an output that both schemas have.
func (d *differences) spec(what string, was, is offered) {
	say := func(differs bool, format string, args ...any) {
		if differs {
			d.add("%s "+format, append([]any{what}, args...)...)
		}
	}
	choose := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	say(was.Type != is.Type, "is %s instead of %s", is.Type, was.Type)
	say(!slices.Equal(was.OnWire(), is.OnWire()), "has the shape %s instead of %s", ShapeText(is.OnWire()), ShapeText(was.OnWire()))
	const optional, required = "optional", "required"
	say(was.optional != is.optional, "is %s instead of %s", choose(is.optional, optional, required), choose(was.optional, optional, required))
	const once, each = "once for all rows", "for each row"
	say(was.Once != is.Once, "comes %s instead of %s", choose(is.Once, once, each), choose(was.Once, once, each))
	say(was.Part != is.Part, "comes %s instead of %s", is.Part, was.Part)
	say(was.Format != is.Format, "has the layout %q instead of %q", is.Format, was.Format)
	switch at := firstOther(was.Labels, is.Labels); {
	case len(was.Labels) != len(is.Labels):
		say(true, "has %d labels instead of %d", len(is.Labels), len(was.Labels))
	case at >= 0:
		say(true, "calls class %d %.64q instead of %.64q", at, is.Labels[at], was.Labels[at])
	}
}

// firstOther is the first place in which two lists differ; -1 if there is none.
func firstOther(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}
