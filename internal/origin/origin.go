// Package origin says where the values of filled tensors come from: the words for it, and a table of them for one request.
//
// What fills tensors writes a Trail. The prediction log and answers read it. A Trail keeps its memory from one request to the
// next, and belongs to whoever holds the request. It is empty where nobody asked for it, and where nothing was filled.
package origin

import (
	"slices"
	"time"
)

// Status is where a value comes from, or why it is a default.
type Status uint8

// The statuses. None is what a value has whose tensor came whole with the request.
const (
	None Status = iota
	// Present was read from the store for this request, Cached was in the cache. Stale is either, and older than it may be.
	Present
	Cached
	Stale
	// Request came with the request.
	Request
	// Missing is a default, since the store has no value. Timeout is one since the value did not come in time. Default is one for
	// any other reason: the store failed, the value does not fit its column, or it was too old to be used.
	Missing
	Timeout
	Default
	NumStatuses // keep last
)

var words = [NumStatuses]string{"", "present", "cached", "stale", "request", "missing", "timeout", "default"}

// String is the word for a status; empty for None, and for what is no status.
func (s Status) String() string {
	if s < NumStatuses {
		return words[s]
	}
	return ""
}

// Aged tells whether the age of the store's row is one of the value.
func (s Status) Aged() bool { return s == Present || s == Cached || s == Stale || s == Default }

// Column is a column of a filled tensor: one number or a list of each row.
type Column struct {
	// Input is the tensor, Name the feature as GROUP:FEATURE, or the request's input that the values are of.
	Input, Name string
	// Group is whose age its values have; NoGroup for values of the request.
	Group int
	// Repeated says that the tensor has another column before this one with the same values.
	Repeated bool
}

// NoGroup is the group of a column of the request.
const NoGroup = -1

// Unknown is the age of values that have none, or whose age nobody knows.
const Unknown = time.Duration(-1)

// Trail is what became of the columns of one request.
type Trail struct {
	Columns []Column
	Rows    int

	statuses []Status // by row, as whoever fills writes them
	ages     []time.Duration
}

// mostKept is the memory that a trail keeps for the next request, in values.
const mostKept = 1 << 16

// Reset empties the trail.
func (t *Trail) Reset() {
	t.Columns, t.Rows = nil, 0
	if cap(t.statuses) > mostKept || cap(t.ages) > mostKept {
		t.statuses, t.ages = nil, nil
	}
}

// Begin gives the trail its columns, which are not changed, and its rows: nothing is said of any.
func (t *Trail) Begin(columns []Column, groups, rows int) {
	t.Columns, t.Rows = columns, rows
	t.statuses = slices.Grow(t.statuses[:0], len(columns)*rows)[:len(columns)*rows]
	t.ages = slices.Grow(t.ages[:0], groups*rows)[:groups*rows]
	clear(t.statuses)
	for i := range t.ages {
		t.ages[i] = Unknown
	}
}

// Values is how many values the trail speaks of.
func (t *Trail) Values() int { return len(t.Columns) * t.Rows }

// Row is the statuses of a row, by column.
func (t *Trail) Row(row int) []Status {
	return t.statuses[row*len(t.Columns) : (row+1)*len(t.Columns)]
}

// Tells reports whether the trail has something to say of a column that it does not say of one before: its tensor was filled.
func (t *Trail) Tells(column int) bool {
	return t.Rows > 0 && t.statuses[column] != None && !t.Columns[column].Repeated
}

// Run is how many rows from one on have its status in a column.
func (t *Trail) Run(column, row int) (rows int, s Status) {
	s = t.Row(row)[column]
	for rows = 1; row+rows < t.Rows && t.Row(row + rows)[column] == s; {
		rows++
	}
	return rows, s
}

// Ages are those of a group's rows, by row of the request; nil for NoGroup.
func (t *Trail) Ages(group int) []time.Duration {
	if group == NoGroup {
		return nil
	}
	return t.ages[group*t.Rows : (group+1)*t.Rows]
}
