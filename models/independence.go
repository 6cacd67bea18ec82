package models

import "sluice/internal/tensor"

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

// Hint is what the graph lets an input hold. The zero value knows nothing.
type Hint struct {
	// Ranged means that integers are used as indices from Low to High, both included.
	Ranged    bool
	Low, High int64
	// Integers and Strings are categories or words that the graph names.
	Integers []int64
	Strings  []string
	// Length marks a number of steps along a free axis, Mask a choice of 0 or 1, Divisor what
	// must not be 0, and Number a string that is read as a number.
	Length, Mask, Divisor, Number bool
}

// noHints has an empty hint for each input.
func noHints(inputs []tensor.Spec) []Hint { return make([]Hint, len(inputs)) }
