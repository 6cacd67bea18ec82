package native

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// ErrSchema is the error of a row whose schema the decoder has not learned. The reader fetches the record that Header
// names and gives it to Learn.
var ErrSchema = errors.New("the schema of a stored row is not known")

// maxPlans bounds the schemas that a decoder keeps. A group has one or two; a store that has more of them in one
// generation still reads, and learns some of them again.
const maxPlans = 64

// Decoder puts stored rows into the rows of a group. Many goroutines may use it at a time.
type Decoder struct {
	group *store.Group
	plans atomic.Pointer[[]*plan]
	mu    sync.Mutex // of Learn
}

// plan is how the rows of one schema get into the rows of a group.
type plan struct {
	hash  uint32
	bytes int
	runs  []run
	steps []step
	// whole says that the one run is the group's row.
	whole bool
}

// run moves columns of single FP32 that follow each other in the stored row and in the group's, and stay FP32. Most columns
// are such, and a group mostly names them in the order of the writer: a row of 100 takes a third of the time of 100 steps.
type run struct {
	from, to    int // in the stored row, in the group's row
	bit, column int
	columns     int
	bits        bits
}

// step moves one column of another kind.
type step struct {
	from, size  int // in the stored row
	bit, column int
	kind        tensor.DataType
}

// NewDecoder makes a decoder that knows the schema in which the group itself would be stored.
func NewDecoder(g *store.Group) (*Decoder, error) {
	s, err := SchemaOf(g)
	if err != nil {
		return nil, err
	}
	d := &Decoder{group: g}
	d.plans.Store(&[]*plan{compile(s, g)})
	return d, nil
}

// Learn takes a schema that rows may have. It refuses one by whose keys the group's would find other entities' rows.
func (d *Decoder) Learn(s *Schema) error {
	if !slices.Equal(s.keys, d.group.Keys) {
		return fmt.Errorf("view %s is stored by the keys %s, and group %s asks by %s: give it the same keys, in the same order and of the same types",
			d.group.View, list(s.keys), d.group.Name, list(d.group.Keys))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Knows(s.hash) {
		return nil
	}
	old := *d.plans.Load()
	if len(old) == maxPlans {
		old = old[1:]
	}
	plans := append(slices.Clip(old), compile(s, d.group))
	d.plans.Store(&plans)
	return nil
}

func list(keys []store.KeyColumn) string {
	var words []string
	for _, k := range keys {
		words = append(words, fmt.Sprintf("%s (%s)", k.Name, k.Type))
	}
	return strings.Join(words, ", ")
}

// Knows tells whether the decoder has learned a schema.
func (d *Decoder) Knows(schema uint32) bool { return d.find(schema) != nil }

func (d *Decoder) find(schema uint32) *plan {
	for _, p := range *d.plans.Load() {
		if p.hash == schema {
			return p
		}
	}
	return nil
}

func compile(s *Schema, g *store.Group) *plan {
	p := &plan{hash: s.hash, bytes: s.RowBytes()}
	from, at := make([]int, len(s.columns)), make(map[string]int, len(s.columns))
	next := headerBytes + bitmapBytes(len(s.columns))
	for i, c := range s.columns {
		from[i], at[c.Name] = next, i
		next += c.Width * c.Type.Size()
	}
	to := 0
	for column := range g.Columns {
		c := &g.Columns[column]
		if bit, stored := at[c.Name]; stored {
			p.add(s.columns[bit], c, run{from: from[bit], to: to, bit: bit, column: column, columns: 1})
		}
		to += c.Size()
	}
	for i := range p.runs {
		r := &p.runs[i]
		r.bits = bitsOf(r.bit, r.columns)
	}
	p.whole = len(p.runs) == 1 && p.runs[0].columns == len(g.Columns)
	return p
}

// add plans the move of a column, which a run of one column describes.
func (p *plan) add(kept Column, c *store.Column, r run) {
	if kept.Type != tensor.FP32 || c.Type != tensor.FP32 || kept.Width != 1 || c.Width != 1 {
		p.steps = append(p.steps, step{from: r.from, size: kept.Width * kept.Type.Size(), bit: r.bit, column: r.column, kind: kept.Type})
		return
	}
	if n := len(p.runs); n > 0 {
		if last := &p.runs[n-1]; last.bit+last.columns == r.bit && last.column+last.columns == r.column {
			last.columns++
			return
		}
	}
	p.runs = append(p.runs, r)
}

// Decode puts a stored row into row number key of rows, which are of the decoder's group. Columns that the schema does not
// have stay missing. Its one error is ErrSchema; then nothing is set.
func (d *Decoder) Decode(into *store.Rows, key int, row []byte) error {
	return d.decode(into, key, row, false)
}

// Take is Decode for a row that nobody changes any more: what is as the group has it stays where it is.
func (d *Decoder) Take(into *store.Rows, key int, row []byte) error {
	return d.decode(into, key, row, true)
}

func (d *Decoder) decode(into *store.Rows, key int, row []byte, stays bool) error {
	schema, ns, ok := Header(row)
	if !ok {
		into.SetRowWrong(key)
		return nil
	}
	p := d.find(schema)
	if p == nil {
		return ErrSchema
	}
	if len(row) != p.bytes {
		into.SetRowWrong(key)
		return nil
	}
	into.SetTime(key, ns)
	if stays && p.whole {
		if values := p.runs[0].values(row); p.runs[0].allPresent(row, values) {
			into.SetWhole(key, values)
			return nil
		}
	}
	data, states := into.Cells(key)
	for i := range p.runs {
		p.runs[i].move(row, data, states)
	}
	for i := range p.steps {
		if s := &p.steps[i]; present(row, s.bit) {
			into.SetRaw(key, s.column, s.kind, row[s.from:s.from+s.size])
		}
	}
	return nil
}

func present(row []byte, bit int) bool { return row[headerBytes+bit/8]>>(bit%8)&1 != 0 }

// values are the run's in a stored row.
func (r *run) values(row []byte) []byte {
	end := r.from + plainSize*r.columns
	return row[r.from:end:end]
}

// allPresent tells whether all of the run's values are there and none is NaN, as it mostly is.
func (r *run) allPresent(row, values []byte) bool {
	return r.bits.allSet(row[headerBytes:]) && !anyNaN(values)
}

func (r *run) move(row, data []byte, states []store.State) {
	const size = plainSize
	cells := data[r.to : r.to+size*r.columns]
	copy(cells, r.values(row))
	states = states[r.column : r.column+r.columns]
	if r.allPresent(row, cells) {
		for len(states) > 0 {
			states = states[copy(states, allPresent[:]):]
		}
		return
	}
	for i := range states {
		cell := cells[size*i : size*i+size]
		if !present(row, r.bit+i) || binary.LittleEndian.Uint32(cell)&^sign > infinity { // what is more is NaN
			clear(cell)
			continue
		}
		states[i] = store.Present
	}
}
