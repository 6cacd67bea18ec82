package shadow

import (
	"bytes"
	"slices"
	"strconv"
	"unsafe"

	"sluice/internal/oip/client"
	"sluice/internal/origin"
)

// tallies are the counts of the columns of one filling.
type tallies struct {
	columns []origin.Column // those of the model, which do not change
	counts  []columnCount
}

type columnCount struct{ stored, defaulted int }

// count takes what a trail says. It allocates nothing in the steady state.
func (s *tallies) count(t *origin.Trail) {
	s.columns, s.counts = nil, s.counts[:0]
	if t == nil {
		return
	}
	s.columns = t.Columns
	s.counts = slices.Grow(s.counts, len(t.Columns))[:len(t.Columns)]
	clear(s.counts)
	for row := range t.Rows {
		for c, status := range t.Row(row) {
			stored, defaulted := status.Counts()
			s.counts[c].stored += stored
			s.counts[c].defaulted += defaulted
		}
	}
	for c := range s.counts {
		if !t.Tells(c) { // it was told with a column before
			s.counts[c] = columnCount{}
		}
	}
}

// filling is a sender's memory for what filling came to on one side.
type filling struct {
	origin.Tally
	names []string // of columns, so that they are made once
	of    *origin.Column
}

// take makes the tally of a copied request.
func (f *filling) take(s *slot) *origin.Tally {
	if first := unsafe.SliceData(s.columns); f.of != first || len(f.names) != len(s.columns) {
		f.of, f.names = first, nil
		for c := range s.columns {
			f.names = append(f.names, s.columns[c].Input+"."+s.columns[c].Name)
		}
	}
	f.Tally = origin.Tally{Stored: s.filled.Stored, Default: s.filled.Default, Stale: s.filled.Stale, Late: s.filled.Late, Features: f.Features[:0]}
	for c, n := range s.counts {
		if n.stored+n.defaulted > 0 {
			f.Features = append(f.Features, origin.FeatureTally{Name: f.names[c], Stored: n.stored, Default: n.defaulted})
		}
	}
	return &f.Tally
}

// read makes the tally of a candidate's answer: its header has the sums, its parameters have the columns. It is nil if the header is
// malformed, or none is there.
func (f *filling) read(header []byte, columns []client.Feature) *origin.Tally {
	features := f.Features[:0]
	if !f.sums(header) {
		return nil
	}
	for i := range columns {
		if stored, defaulted, ok := origin.CountRuns(columns[i].Runs); ok && stored+defaulted > 0 {
			features = append(features, origin.FeatureTally{Name: f.name(len(features), columns[i].Column), Stored: stored, Default: defaulted})
		}
	}
	f.Features = features
	return &f.Tally
}

// name is a column's as a string. The columns of answers are mostly those of the one before.
func (f *filling) name(at int, column []byte) string {
	for len(f.names) <= at {
		f.names = append(f.names, "")
	}
	if f.names[at] != string(column) {
		f.names[at] = string(column)
	}
	return f.names[at]
}

// sums reads a header such as filled=500,cached=480,default=3,stale=0,late=0. Words that it does not know it passes over.
func (f *filling) sums(header []byte) bool {
	f.Tally = origin.Tally{}
	for more := true; more; {
		var word []byte
		word, header, more = bytes.Cut(header, []byte(","))
		name, number, _ := bytes.Cut(word, []byte("="))
		n, err := strconv.ParseUint(string(number), 10, 31)
		if err != nil {
			return false
		}
		switch string(name) {
		case "filled":
			f.Stored = int(n)
		case "default":
			f.Default = int(n)
		case "stale":
			f.Stale = int(n)
		case "late":
			f.Late = int(n)
		}
	}
	return true
}
