package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/features/store"
	"sluice/internal/near"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// defaultBudget is how long a request waits for a store if its group does not say.
const defaultBudget = 5 * time.Millisecond

// Compile makes the plan by which inputs of a session are filled. The settings must have passed Check.
func (s *Settings) Compile(session *tensor.Schema) (*Plan, []Fault) {
	c := compiler{checker: checker{Settings: s}, session: session, plan: &Plan{Session: session, MinPresent: s.MinPresent}}
	c.begin()
	if len(c.faults) == 0 {
		c.entities()
		c.ladder()
		c.makeGroups()
	}
	if len(c.faults) == 0 {
		c.fill()
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	c.plan.Client = c.client.Indexed()
	return c.plan, nil
}

type compiler struct {
	checker
	session *tensor.Schema
	plan    *Plan
	client  *tensor.Schema
	// groups are the numbers of the groups by name, columns those of each group's columns by feature.
	groups  map[string]int
	columns []map[string]int
}

// begin makes the clients' schema of the session's, and holds the filled inputs against it.
func (c *compiler) begin() {
	client := *c.session
	client.Inputs, client.Fills = slices.Clone(c.session.Inputs), true
	c.client = &client
	names := inputNames(c.session)
	for _, name := range slices.Sorted(maps.Keys(c.Inputs)) {
		at := ".inputs." + name
		i := c.session.Input([]byte(name))
		if i < 0 {
			c.fail(at, "it is no input of the model%s; its inputs are %s", near.Meant(name, names), strings.Join(names, ", "))
			continue
		}
		spec := &c.client.Inputs[i]
		width, rank := 0, len(spec.Shape)
		for k := range c.Inputs[name] {
			width += c.Inputs[name][k].width()
		}
		switch {
		case spec.Type.Size() == 0:
			c.fail(at, "it is of %s, and what is filled is of a type of fixed size", spec.Type)
		case spec.Wire != nil:
			c.fail(at, "config.pbtxt reshapes it, and what is filled has the model's own shape: take one of the two out")
		case rank != 1 && rank != 2:
			c.fail(at, "it has the shape %s; what is filled has one axis of rows, and one of columns", tensor.ShapeText(spec.Shape))
		case rank == 1 && width != 1:
			c.fail(at, "it has the shape %s, one number for each row, and %d columns are listed: list one", tensor.ShapeText(spec.Shape), width)
		case rank == 2 && spec.Shape[1] >= 0 && spec.Shape[1] != int64(width):
			c.fail(at, "it has %d columns, and %d are listed: list them all, in their order, with width for those of a list", spec.Shape[1], width)
		}
		spec.Part = tensor.Filled
	}
}

func inputNames(s *tensor.Schema) (names []string) {
	for i := range s.Inputs {
		names = append(names, s.Inputs[i].Name)
	}
	return names
}

// named adds an input that requests have for the sake of those that are filled, and returns its number.
func (c *compiler) named(spec tensor.Spec) int {
	c.client.Inputs = append(c.client.Inputs, spec)
	return len(c.client.Inputs) - 1
}

// taken tells whether a name is one of the model's own, which cannot be used for something else.
func (c *compiler) taken(at, name string) bool {
	if c.session.Input([]byte(name)) < 0 && c.session.OptionalInput([]byte(name)) < 0 {
		return false
	}
	c.fail(at, "%.60q is an input of the model itself: give the value another name", name)
	return true
}

// entities finds the entities among the model's own inputs, or adds them.
func (c *compiler) entities() {
	for _, name := range slices.Sorted(maps.Keys(c.Entities)) {
		kind := tensor.ParseDataType([]byte(c.Entities[name]))
		at := ".entities." + name
		if i := c.session.Input([]byte(name)); i >= 0 {
			spec := &c.session.Inputs[i]
			if spec.Type != kind {
				c.fail(at, "it is of %s here and of %s in the model, which has it as an input: they must agree", kind, spec.Type)
			}
			if rank := len(spec.Shape); rank != 1 && (rank != 2 || spec.Shape[1] != 1) || spec.Wire != nil {
				c.fail(at, "the model has it as an input of the shape %s; an entity is one value for each row", tensor.ShapeText(spec.OnWire()))
			}
			c.client.Inputs[i].Part = tensor.Keyed
			continue
		}
		if !c.taken(at, name) {
			c.plan.Named = append(c.plan.Named, c.named(tensor.Spec{Name: name, Type: kind, Shape: []int64{-1}, Part: tensor.Named}))
		}
	}
}

// makeGroups makes the groups, whose columns are in the order in which the inputs have them, so that rows can be copied in long
// pieces.
func (c *compiler) makeGroups() {
	names := slices.Sorted(maps.Keys(c.Groups))
	groups := make([]store.Group, len(names))
	c.groups = map[string]int{}
	c.columns = make([]map[string]int, len(names))
	for i, name := range names {
		g := c.Groups[name]
		groups[i] = store.Group{Name: name, View: cmp.Or(g.View, name)}
		for _, key := range g.Keys {
			groups[i].Keys = append(groups[i].Keys, store.KeyColumn{Name: key.Join, Type: keyTypes[c.Entities[key.Entity]]})
		}
		c.groups[name], c.columns[i] = i, map[string]int{}
	}
	c.eachColumn(func(at string, spec *tensor.Spec, col *Column) {
		if col.Feature == "" {
			return
		}
		group, feature, _ := strings.Cut(col.Feature, ":")
		g := c.groups[group]
		made := store.Column{Name: feature, Type: spec.Type, Width: col.width(), Stored: tensor.ParseDataType([]byte(col.Stored))}
		switch k, there := c.columns[g][feature]; {
		case !there:
			c.columns[g][feature] = len(groups[g].Columns)
			groups[g].Columns = append(groups[g].Columns, made)
		case groups[g].Columns[k].Type != made.Type || groups[g].Columns[k].Width != made.Width || groups[g].Columns[k].Stored != made.Stored:
			c.fail(at, "feature %.80q is %s here, and was %s before: a feature has one form in a model", col.Feature, formOf(&made), formOf(&groups[g].Columns[k]))
		}
	})
	for i, name := range names {
		g := c.Groups[name]
		groups[i].MaxAge = g.MaxAge
		of, err := store.NewGroup(groups[i])
		if err != nil {
			c.fail(".groups."+name, "%w", err)
			continue
		}
		p := GroupPlan{
			Store: g.Store, Of: of, Budget: cmp.Or(g.Budget, defaultBudget), MaxAge: g.MaxAge, OnStale: cmp.Or(g.OnStale, OnStaleUse), Cache: g.Cache,
		}
		for _, key := range g.Keys {
			p.Keys = append(p.Keys, c.client.Input([]byte(key.Entity)))
		}
		c.plan.Groups = append(c.plan.Groups, p)
	}
}

// formOf is what must be the same wherever a feature stands.
func formOf(c *store.Column) string {
	text := fmt.Sprintf("%s of width %d", c.Type, c.Width)
	if c.Stored != tensor.Invalid {
		text += ", stored as " + c.Stored.String()
	}
	return text
}

// eachColumn visits the columns in the order of the session's inputs.
func (c *compiler) eachColumn(visit func(at string, spec *tensor.Spec, col *Column)) {
	for i := range c.session.Inputs {
		spec := &c.session.Inputs[i]
		for k := range c.Inputs[spec.Name] {
			visit(fmt.Sprintf(".inputs.%s[%d]", spec.Name, k), spec, &c.Inputs[spec.Name][k])
		}
	}
}

// fill makes the plans of the inputs.
func (c *compiler) fill() {
	requests, given := map[string]int{}, map[string]int{}
	for i := range c.session.Inputs {
		spec := &c.session.Inputs[i]
		columns := c.Inputs[spec.Name]
		if len(columns) == 0 {
			continue
		}
		in := Input{Index: i, Flat: len(spec.Shape) == 1}
		parts := map[int][]Stored{}
		for k := range columns {
			col := &columns[k]
			at, size := fmt.Sprintf(".inputs.%s[%d]", spec.Name, k), col.width()*spec.Type.Size()
			if col.Request != "" {
				if input, ok := c.request(at, requests, spec, col); ok {
					in.Requests = append(in.Requests, Request{Input: input, To: in.RowBytes, Size: size, Of: len(c.plan.Columns)})
				}
				c.plan.Columns = append(c.plan.Columns, c.told(spec.Name, col.Request, origin.NoGroup))
				in.Template = append(in.Template, make([]byte, size)...)
			} else {
				group, feature, _ := strings.Cut(col.Feature, ":")
				g := c.groups[group]
				column := c.columns[g][feature]
				parts[g] = append(parts[g], Stored{
					Name: col.Feature, Column: column, From: c.plan.Groups[g].Of.Offset(column), To: in.RowBytes, Size: size,
					Given: c.given(at, given, spec, col), Required: col.Default.required(), Of: len(c.plan.Columns),
				})
				c.plan.Columns = append(c.plan.Columns, c.told(spec.Name, col.Feature, g))
				var err error
				if in.Template, err = appendDefault(in.Template, spec.Type, col); err != nil {
					c.fail(at, "%w", err)
				}
			}
			in.RowBytes += size
		}
		for _, g := range slices.Sorted(maps.Keys(parts)) {
			in.add(g, parts[g])
		}
		c.plan.Inputs = append(c.plan.Inputs, in)
	}
}

// told is what is said of a column.
func (c *compiler) told(input, name string, group int) origin.Column {
	return origin.Column{Input: input, Name: name, Group: group, Repeated: slices.ContainsFunc(c.plan.Columns, func(o origin.Column) bool { return o.Input == input && o.Name == name })}
}

// add adds the columns of one group.
func (in *Input) add(group int, columns []Stored) {
	p := Part{Group: group, From: len(in.Stored), To: len(in.Stored) + len(columns)}
	for _, s := range columns {
		if n := len(p.Runs); n > 0 && p.Runs[n-1].From+p.Runs[n-1].Size == s.From && p.Runs[n-1].To+p.Runs[n-1].Size == s.To {
			p.Runs[n-1].Size += s.Size
		} else {
			p.Runs = append(p.Runs, Run{s.From, s.To, s.Size})
		}
	}
	in.Stored, in.Groups = append(in.Stored, columns...), append(in.Groups, p)
}

// valueShape is the shape of an input with the value of a column.
func valueShape(col *Column) []int64 {
	if col.width() == 1 {
		return []int64{-1}
	}
	return []int64{-1, int64(col.width())}
}

// request finds or adds the input of a value that requests bring.
func (c *compiler) request(at string, known map[string]int, spec *tensor.Spec, col *Column) (int, bool) {
	if i, there := known[col.Request]; there {
		was := &c.client.Inputs[i]
		if was.Type != spec.Type || !slices.Equal(was.Shape, valueShape(col)) {
			c.fail(at, "request %.60q is %s of width %d here, and %s%s before: it must be the same", col.Request, spec.Type, col.width(), was.Type, tensor.ShapeText(was.Shape))
		}
		return i, true
	}
	if c.taken(at, col.Request) {
		return 0, false
	}
	i := c.named(tensor.Spec{Name: col.Request, Type: spec.Type, Shape: valueShape(col), Part: tensor.Named})
	known[col.Request], c.plan.Named = i, append(c.plan.Named, i)
	return i, true
}

// given finds or adds the input that takes a stored value's place.
func (c *compiler) given(at string, known map[string]int, spec *tensor.Spec, col *Column) int {
	i, there := known[col.Feature]
	if !there && !c.taken(at, col.Feature) {
		i = c.named(tensor.Spec{Name: col.Feature, Type: spec.Type, Shape: valueShape(col), Part: tensor.Given})
		known[col.Feature] = i
	}
	return i
}
