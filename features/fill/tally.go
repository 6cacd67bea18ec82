package fill

import "sync/atomic"

// tally counts what became of the values of one model version, by column: what tells that a feature has more defaults than usual.
// Whole rows are counted once for all columns of their group, so that a request adds a few numbers.
type tally struct {
	// whole are the rows of each part of each input of which all columns were stored.
	whole [][]atomic.Uint64
	// columns are the others, by input and column.
	columns [][]columnTally
}

type columnTally struct{ stored, defaulted atomic.Uint64 }

// columnCount is one request's.
type columnCount struct{ stored, defaulted uint64 }

// Values are the values of a feature so far, each row's own: those that were stored, and those in whose place a default stands. What
// requests bring themselves is in neither.
type Values struct {
	Feature         string // GROUP:FEATURE
	Stored, Default uint64
}

func (f *Filler) makeTally() {
	for i := range f.plan.Inputs {
		in := &f.plan.Inputs[i]
		f.tally.whole = append(f.tally.whole, make([]atomic.Uint64, len(in.Groups)))
		f.tally.columns = append(f.tally.columns, make([]columnTally, len(in.Stored)))
	}
}

// Values lists the features by input and group, one that fills several inputs once. The order is always the same.
func (f *Filler) Values() (all []Values) {
	places := map[string]int{}
	for i := range f.plan.Inputs {
		in := &f.plan.Inputs[i]
		for p := range in.Groups {
			whole := f.tally.whole[i][p].Load()
			for k := in.Groups[p].From; k < in.Groups[p].To; k++ {
				at, there := places[in.Stored[k].Name]
				if !there {
					at = len(all)
					places[in.Stored[k].Name] = at
					all = append(all, Values{Feature: in.Stored[k].Name})
				}
				c := &f.tally.columns[i][k]
				all[at].Stored += whole + c.stored.Load()
				all[at].Default += c.defaulted.Load()
			}
		}
	}
	return all
}

// beginPart forgets what was counted of another part.
func (f *Fill) beginPart(columns int) {
	f.whole = 0
	if cap(f.counts) < columns {
		f.counts = make([]columnCount, columns)
	}
	f.counts = f.counts[:columns]
	clear(f.counts)
}

// endPart adds what was counted of a part: the columns from a number on, of an input.
func (f *Fill) endPart(input, part, from int) {
	t := &f.filler.tally
	if f.whole > 0 {
		t.whole[input][part].Add(f.whole)
	}
	for k, c := range f.counts {
		if c.stored > 0 {
			t.columns[input][from+k].stored.Add(c.stored)
		}
		if c.defaulted > 0 {
			t.columns[input][from+k].defaulted.Add(c.defaulted)
		}
	}
}
