package dataflow

import (
	"fmt"

	"sluice/internal/onnxfile"
)

// Kind is how sure the graph makes us that rows are independent; the larger is the worse.
type Kind uint8

// The kinds of verdicts.
const (
	Proven  Kind = iota // each row of the output is computed from the same row of the inputs alone
	Unknown             // the graph does not show it
	Mixes               // rows of the output depend on other rows, on their number or on their position
)

// Verdict is a kind and the node that is to blame for it.
type Verdict struct {
	Kind   Kind
	Node   string // the node's name, or its first output if it has none
	Op     string // "domain.Op", or "Op" for the standard domain
	Reason string
}

// String is `proven`, or `mixes at node "X" (Op): reason`.
func (v Verdict) String() string {
	word := [...]string{"proven", "unknown", "mixes"}[v.Kind]
	switch {
	case v.Kind == Proven:
		return word
	case v.Op == "":
		return fmt.Sprintf("%s: %s", word, v.Reason)
	}
	return fmt.Sprintf("%s at node %q (%s): %s", word, v.Node, v.Op, v.Reason)
}

// Output is what the analysis knows of an output of the graph.
type Output struct {
	Name string
	Verdict
	// RowsOnAxis0 says that axis 0 holds exactly one row for each row of the inputs. A
	// proven output without it is either the same whatever the rows are (Same), or has its
	// rows on another axis, or several or a part of one for each row of the inputs: the
	// caller must not cut it along axis 0.
	RowsOnAxis0 bool
	// Same says that the output does not depend on the rows.
	Same bool
	// Once says that the output follows the inputs that are given once per request: one row
	// for each request.
	Once bool
	// Row is the shape of a row, without axis 0: known lengths, and -1 with the name of the
	// input's dimension, if it has one, for others. It is set with RowsOnAxis0 where the
	// rank is known.
	Row []onnxfile.Dim
	// Ranked says that Row is known.
	Ranked bool
}

// Hint is what values the graph lets a caller's input take. It guides made-up rows; it is
// no promise that others fail.
type Hint struct {
	Name     string
	HasRange bool  // Low and High are known
	Low      int64 // inclusive
	High     int64 // inclusive
	Strings  []string
	Integers []int64
	// Length says that the values cut the free axis of an input, or are compared with its
	// positions: lengths of sequences, or bounds.
	Length bool
	// Of and Axis name that axis, where it is known; Of is "" otherwise.
	Of   string
	Axis int
	// Mask says that the values are read as true and false.
	Mask bool
	// NonZero says that the values are divisors.
	NonZero bool
	// Numeric says that strings are read as numbers.
	Numeric bool
}

// Question is what is asked about a file. Each input of a caller has its rows on axis 0,
// unless Once says otherwise.
type Question struct {
	// Once names the inputs that a request gives once: axis 0 has the size 1, and the row
	// stands for each row of the other inputs. A scalar can be given once alone; requests share
	// a batch where it is equal.
	Once map[string]bool
	// Shared names the inputs that are one row for the whole run: only requests with equal
	// values there share one.
	Shared map[string]bool
	// Batch is the number of rows that the file prescribes; 0: any.
	Batch int64
}

// Result is the verdict on a file.
type Result struct {
	// Verdict is the worst of the outputs. It is unknown, and names no node, where all are
	// proven but one has not RowsOnAxis0.
	Verdict Verdict
	Outputs []Output
	Hints   []Hint // one for each of Model.Inputs, in their order
}
