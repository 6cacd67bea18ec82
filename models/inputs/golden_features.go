package inputs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/tensor"
)

// goldenFeatures are the stored values of a golden row, which stand beside it because those of stores change: by group, rows
// that have the values of entities and of features by name.
type goldenFeatures map[string][]map[string]json.RawMessage

// maxGoldenFill is the most bytes of an input that is filled, and of a group's rows.
const maxGoldenFill = 64 << 20

// byID makes the inputs of a run of those of a request by ids.
type byID struct {
	plan   *spec.Plan
	given  map[int]tensor.Tensor // by their numbers in the plan's Client
	rows   int
	stored []store.Rows     // by group
	keys   []map[string]int // of them
}

// fillGolden makes the inputs of a run, by their numbers in the session's schema.
func fillGolden(plan *spec.Plan, list []goldenTensor, features goldenFeatures) (map[int]tensor.Tensor, error) {
	given, err := decodeTensors("input", list, plan.Client.Inputs)
	if err != nil {
		return nil, err
	}
	f := byID{plan: plan, given: given, rows: 1, stored: make([]store.Rows, len(plan.Groups)), keys: make([]map[string]int, len(plan.Groups))}
	if err := f.count(); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(features)) {
		g := slices.IndexFunc(plan.Groups, func(p spec.GroupPlan) bool { return p.Of.Name == name })
		if g < 0 {
			return nil, fmt.Errorf("features.%.60s is no group of model.yaml", name)
		}
		if err := f.read(g, features[name]); err != nil {
			return nil, fmt.Errorf("features.%.60s: %w", name, err)
		}
	}
	for i := range plan.Inputs {
		if err := f.fill(&plan.Inputs[i]); err != nil {
			return nil, err
		}
	}
	f.spread()
	return f.given, nil
}

// count finds out how many rows the request has.
func (f *byID) count() error {
	for _, i := range slices.Sorted(maps.Keys(f.given)) {
		s := &f.plan.Client.Inputs[i]
		if s.Part == tensor.Given {
			return fmt.Errorf("input %q stands in the place of a stored value: put that under features", s.Name)
		}
		if s.Part == tensor.Sent {
			continue
		}
		switch n := int(f.given[i].Shape[0]); {
		case n == 0 || n > 1 && f.rows > 1 && n != f.rows:
			return fmt.Errorf("input %q has %d rows and others have %d", s.Name, n, f.rows)
		case n > 1:
			f.rows = n
		}
	}
	for i := range f.plan.Inputs {
		if in := &f.plan.Inputs[i]; f.rows > maxGoldenFill/in.RowBytes {
			return fmt.Errorf("its %d rows of input %q take more than %d bytes", f.rows, f.plan.Session.Inputs[in.Index].Name, maxGoldenFill)
		}
	}
	return nil
}

// read takes the rows of a group.
func (f *byID) read(g int, rows []map[string]json.RawMessage) error {
	group := f.plan.Groups[g].Of
	if len(rows) > maxGoldenFill/group.RowBytes() {
		return fmt.Errorf("its %d rows take more than %d bytes", len(rows), maxGoldenFill)
	}
	f.stored[g].Reset(group, len(rows))
	f.keys[g] = make(map[string]int, len(rows))
	for k, row := range rows {
		var key []byte
		entities := map[string]bool{}
		for _, i := range f.plan.Groups[g].Keys {
			s := &f.plan.Client.Inputs[i]
			element, err := decodeValue(row[s.Name], s.Type, 1)
			if err != nil {
				return fmt.Errorf("row %d: entity %q: %w", k, s.Name, err)
			}
			key, entities[s.Name] = append(key, element...), true
		}
		for _, name := range slices.Sorted(maps.Keys(row)) {
			if entities[name] || string(row[name]) == "null" {
				continue
			}
			c := group.Column(name)
			if c < 0 {
				return fmt.Errorf("row %d: model.yaml has no feature %.60q of this group", k, name)
			}
			column := &group.Columns[c]
			data, err := decodeValue(row[name], column.Type, column.Width)
			if err != nil {
				return fmt.Errorf("row %d: feature %q: %w", k, name, err)
			}
			f.stored[g].SetRaw(k, c, column.Type, data)
		}
		f.keys[g][string(key)] = k
	}
	return nil
}

// decodeValue reads a number, a text or a list of so many elements.
func decodeValue(raw json.RawMessage, kind tensor.DataType, width int) ([]byte, error) {
	data, count, err := decodeData(raw, kind)
	if err == nil && count != width {
		err = fmt.Errorf("it has %d elements, and there must be %d", count, width)
	}
	return data, err
}

// fill makes the tensor of one input, unless it is given.
func (f *byID) fill(in *spec.Input) error {
	if _, there := f.given[in.Index]; there {
		return nil
	}
	s := &f.plan.Session.Inputs[in.Index]
	t := tensor.Tensor{Name: s.Name, Type: s.Type, Shape: []int64{int64(f.rows)}, Data: bytes.Repeat(in.Template, f.rows)}
	if !in.Flat {
		t.Shape = append(t.Shape, int64(in.RowBytes/s.Type.Size()))
	}
	for r := range f.rows {
		cells := t.Data[r*in.RowBytes:]
		for k := range in.Groups {
			if err := f.put(cells, in, &in.Groups[k], r); err != nil {
				return err
			}
		}
		for _, q := range in.Requests {
			value, err := f.element(q.Input, r)
			if err != nil {
				return err
			}
			copy(cells[q.To:], value)
		}
	}
	f.given[in.Index] = t
	return nil
}

// put writes the columns of one group in one row.
func (f *byID) put(cells []byte, in *spec.Input, p *spec.Part, row int) error {
	var key []byte
	var entity []string
	for _, i := range f.plan.Groups[p.Group].Keys {
		element, err := f.element(i, row)
		if err != nil {
			return err
		}
		key, entity = append(key, element...), append(entity, f.plan.Client.Inputs[i].Name)
	}
	at, there := f.keys[p.Group][string(key)]
	for k := p.From; k < p.To; k++ {
		switch c := &in.Stored[k]; {
		case there && f.stored[p.Group].States(at)[c.Column] == store.Present:
			copy(cells[c.To:c.To+c.Size], f.stored[p.Group].Row(at)[c.From:])
		case c.Required:
			return fmt.Errorf("features has no %q for the %s of row %d, and it has no default", c.Name, strings.Join(entity, " and "), row)
		}
	}
	return nil
}

// element is one row of an input that may have one for all.
func (f *byID) element(input, row int) ([]byte, error) {
	t, there := f.given[input]
	switch {
	case !there:
		return nil, fmt.Errorf("input %q is missing", f.plan.Client.Inputs[input].Name)
	case t.Shape[0] == 1:
		return t.Data, nil
	}
	one, err := CutRow(t, row)
	return one.Data, err
}

// spread gives all rows the one that there is of an entity which the model takes itself.
func (f *byID) spread() {
	for i := range f.plan.Session.Inputs {
		t := f.given[i]
		if f.plan.Client.Inputs[i].Part == tensor.Keyed && !f.plan.Session.Inputs[i].Once && len(t.Shape) > 0 && t.Shape[0] == 1 {
			t.Shape, t.Data = slices.Clone(t.Shape), bytes.Repeat(t.Data, f.rows)
			t.Shape[0] = int64(f.rows)
			f.given[i] = t
		}
	}
}
