package measure

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Row is a row that a Reservoir keeps.
type Row struct {
	Difference float64 `json:"difference"`
	// ID is that of the request, and Row the row in it.
	ID  string `json:"id"`
	Row int    `json:"row"`
	// Content is what the caller gave of the row, or nothing where that was too large. Size is its bytes in either case.
	Content []byte `json:"content"`
	Size    int    `json:"size"`
}

// maxID is the bytes of an ID that are kept.
const maxID = 256

// Reservoir keeps the rows with the largest differences. Which rows these are does not depend on the order in which they
// come: of equal differences those with the lower IDs and row numbers are kept.
type Reservoir struct {
	most    int // rows
	content int // bytes of a row's content at most
	rows    []Row
}

// NewReservoir makes a reservoir of so many rows, whose IDs and contents come to at most so many bytes. Each row has an
// equal part of them: what a row may keep does not depend on the others.
func NewReservoir(rows, bytes int) (*Reservoir, error) {
	if rows < 1 || bytes < rows*maxID {
		return nil, fmt.Errorf("cannot keep %d rows in %d bytes: there is at least 1 row, with %d bytes for its ID", rows, bytes, maxID)
	}
	return &Reservoir{most: rows, content: bytes/rows - maxID}, nil
}

// Wants tells whether a row would be kept, so that nobody need write down the content of one that is not. A row that does
// not differ is not kept.
func (r *Reservoir) Wants(difference float64, id string, row int) bool {
	_, wants := r.place(Row{Difference: bounded(difference), ID: cut(id), Row: row})
	return wants
}

// Add offers a row. It copies what it keeps. An infinite difference is kept as the largest number that is not.
func (r *Reservoir) Add(difference float64, id string, row int, content []byte) {
	r.put(Row{Difference: bounded(difference), ID: cut(id), Row: row, Content: content, Size: len(content)})
}

// Rows returns the rows, the largest difference first. They are not changed by later calls.
func (r *Reservoir) Rows() []Row { return slices.Clone(r.rows) }

func bounded(difference float64) float64 { return min(difference, math.MaxFloat64) }

// cut is the part of an ID that is kept, which comes out of the state as it went in.
func cut(id string) string { return strings.ToValidUTF8(id[:min(len(id), maxID)], "?") }

// place is where a row stands among those that are kept.
func (r *Reservoir) place(row Row) (at int, wants bool) {
	at, there := slices.BinarySearchFunc(r.rows, row, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Difference, a.Difference), strings.Compare(a.ID, b.ID), cmp.Compare(a.Row, b.Row))
	})
	return at, !there && at < r.most && row.Difference > 0
}

func (r *Reservoir) put(row Row) {
	at, wants := r.place(row)
	if !wants {
		return
	}
	row.ID = strings.Clone(row.ID)
	if len(row.Content) > r.content {
		row.Content = nil
	}
	row.Content = bytes.Clone(row.Content)
	if len(r.rows) == r.most {
		r.rows = slices.Delete(r.rows, r.most-1, r.most)
	}
	r.rows = slices.Insert(r.rows, at, row)
}

// MarshalJSON gives the rows.
func (r *Reservoir) MarshalJSON() ([]byte, error) { return json.Marshal(r.rows) }

// UnmarshalJSON offers the rows that MarshalJSON gave to a reservoir that NewReservoir made, whose limits hold.
func (r *Reservoir) UnmarshalJSON(data []byte) error {
	var rows []Row
	if err := decode(data, &rows); err != nil {
		return fmt.Errorf("cannot read the rows that differ most: %w", err)
	}
	for _, row := range rows {
		if row.Row < 0 || row.Size < len(row.Content) || len(row.ID) > maxID {
			return fmt.Errorf("cannot read the rows that differ most: row %d of an ID of %d bytes has %d bytes of %d; no number is below 0, and the longest ID is %d",
				row.Row, len(row.ID), len(row.Content), row.Size, maxID)
		}
		r.put(row)
	}
	return nil
}
