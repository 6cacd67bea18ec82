package predlog

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"sluice/internal/origin"
	"sluice/predlog/table"
)

// Where the values of filled inputs come from follows the tensors: a number of rows, and if that is not 0, two lists. The first has
// the ages of each group. The second has the columns that are told of: the input, the name, 0 for a column of the request or else the
// number of its group from 1 on, and its statuses. Ages and statuses are runs of rows that have the same.

// mostValues bounds what a record tells of: a run is short whatever it stands for.
const mostValues = 1 << 20

// values is how many values the record tells of.
func (r *Record) values() int {
	if r.Trail == nil {
		return 0
	}
	return r.Trail.Values()
}

// groups is how many groups the trail's columns are of.
func groups(columns []origin.Column) (n int) {
	for i := range columns {
		n = max(n, columns[i].Group+1)
	}
	return n
}

// trailBound is at least what the trail takes.
func (r *Record) trailBound() int {
	if r.Trail == nil {
		return 0
	}
	n, rows := 20, r.Trail.Rows
	for i := range r.Columns {
		n += 40 + len(r.Columns[i].Input) + len(r.Columns[i].Name) + 2*rows // a run of n rows takes at most 2n bytes
	}
	return n + groups(r.Columns)*11*rows
}

// tells tells whether a column is told of: it was filled, and no trace of its input is to be left out.
func (w *Writer) tells(r *Record, column int) bool {
	return r.Trail.Tells(column) && w.redact.of(r, r.Columns[column].Input) != Drop
}

// appendTrail appends the two lists.
func (w *Writer) appendTrail(b []byte, r *Record) []byte {
	told := 0
	if r.Trail != nil {
		for c := range r.Columns {
			if w.tells(r, c) {
				told++
			}
		}
	}
	if told == 0 {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(r.Trail.Rows)) //nolint:gosec // a count
	n := groups(r.Columns)
	b = binary.AppendUvarint(b, uint64(n)) //nolint:gosec // a count
	for g := range n {
		ages := r.Trail.Ages(g)
		b = appendRuns(b, r.Trail.Rows, func(row int) uint64 { return milliseconds(ages[row]) })
	}
	b = binary.AppendUvarint(b, uint64(told)) //nolint:gosec // a count
	for c := range r.Columns {
		if !w.tells(r, c) {
			continue
		}
		of := &r.Columns[c]
		b = appendString(appendString(b, of.Input), of.Name)
		b = binary.AppendUvarint(b, uint64(of.Group+1)) //nolint:gosec // origin.NoGroup is -1
		b = appendRuns(b, r.Trail.Rows, func(row int) uint64 { return uint64(r.Trail.Row(row)[c]) })
	}
	return b
}

// milliseconds rounds an age up, so that 0 is left for one that is unknown.
func milliseconds(age time.Duration) uint64 {
	if age == origin.Unknown {
		return 0
	}
	return uint64(max((age+time.Millisecond-1)/time.Millisecond, 1)) //nolint:gosec // positive
}

// appendRuns appends runs that cover so many rows. Their number is not told: whoever reads them knows the rows.
func appendRuns(b []byte, rows int, at func(row int) uint64) []byte {
	for from := 0; from < rows; {
		v, to := at(from), from+1
		for to < rows && at(to) == v {
			to++
		}
		b = binary.AppendUvarint(b, uint64(to-from)) //nolint:gosec // positive
		b = binary.AppendUvarint(b, v)
		from = to
	}
	return b
}

// leastColumn is what a column takes at least: five numbers.
const leastColumn = 5

// features reads what appendTrail has written.
func (d *decoder) features() []table.Feature {
	rows := int(min(d.uvarint(), mostValues+1)) //nolint:gosec // bounded
	if rows == 0 {
		return nil
	}
	ages := make([][]int64, d.count(2))
	for g := range ages {
		ages[g] = make([]int64, d.fits(rows, len(ages)))
		d.runs(len(ages[g]), func(row int, v uint64) { ages[g][row] = int64(min(v, math.MaxInt64)) }) //nolint:gosec // bounded
	}
	n := d.count(leastColumn)
	if n == 0 {
		return nil
	}
	list := make([]table.Feature, n)
	for i := range list {
		f := &list[i]
		f.Input, f.Name = d.string(), d.string()
		group := d.uvarint()
		if group > uint64(len(ages)) {
			d.fail(fmt.Errorf("it has a feature of group %d, and the ages of %d", group, len(ages)))
			return nil
		}
		f.Statuses, f.AgesMS = make([]string, d.fits(rows, n)), make([]int64, d.fits(rows, n))
		d.runs(len(f.Statuses), func(row int, v uint64) {
			s := origin.Status(min(v, uint64(origin.NumStatuses))) //nolint:gosec // bounded
			f.Statuses[row] = s.String()
			if group > 0 && s.Aged() {
				f.AgesMS[row] = ages[group-1][row]
			}
		})
	}
	return list
}

// fits is the rows of each of so many lists; 0, with a fault, if that is more than a record tells of.
func (d *decoder) fits(rows, lists int) int {
	if d.err == nil && rows > mostValues/lists {
		d.fail(fmt.Errorf("it announces %d lists of %d rows", lists, rows))
	}
	if d.err != nil {
		return 0
	}
	return rows
}

// runs reads runs that cover so many rows.
func (d *decoder) runs(rows int, visit func(row int, v uint64)) {
	for row := 0; row < rows && d.err == nil; {
		n, v := d.uvarint(), d.uvarint()
		if n == 0 || n > uint64(rows-row) {
			d.fail(fmt.Errorf("a run has %d rows where %d are left", n, rows-row))
			return
		}
		for range n {
			visit(row, v)
			row++
		}
	}
}
