package spec

import (
	"time"

	"sluice/features/store"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// Plan is how the inputs of one model version are filled.
type Plan struct {
	// Session is the schema that runs have, Client the one that requests have.
	Session, Client *tensor.Schema
	Groups          []GroupPlan
	Inputs          []Input
	// Named is the inputs of Client that are entities or request values.
	Named      []int
	MinPresent float64
	// Ladder is what answers below MinPresent.
	Ladder []RungPlan
	// Columns are those of all filled inputs, in their order.
	Columns []origin.Column
}

// RungPlan is a rung: the previous version, another model, or a constant.
type RungPlan struct {
	Name     string
	Previous bool
	// Model and Version name another model; Version is empty for the live one.
	Model, Version string
	// Constant is a fixed answer, with each output of Session in its order; nil for the other rungs.
	Constant []ConstantPlan
}

// ConstantPlan is an output of a fixed answer. Shape and Data are those of each row; or if it has no Rows, of the whole output.
type ConstantPlan struct {
	Rows  bool
	Shape []int64
	Data  []byte
}

// GroupPlan is how the rows of a group are found.
type GroupPlan struct {
	// Store is its name in the gateway's settings.
	Store string
	Of    *store.Group
	// Keys are the inputs of Client that have the values of Of.Keys.
	Keys           []int
	Budget, MaxAge time.Duration
	OnStale        string
	Cache          Cache
}

// Input is one that is filled.
type Input struct {
	// Index is its number, in Session and in Client.
	Index int
	// Flat says that it has no axis for its one column.
	Flat     bool
	RowBytes int
	// Template is a row of defaults; what has none is zeros there.
	Template []byte
	Stored   []Stored
	Requests []Request
	// Groups are those of the columns, each with what can be copied at once.
	Groups []Part
}

// Part is the columns of an input that are of one group.
type Part struct {
	Group int
	// From and To are the columns, as a range of Input.Stored.
	From, To int
	// Runs are the bytes of the columns, in as few pieces as possible.
	Runs []Run
}

// Run is bytes that lie together, both in a group's row and in the tensor's.
type Run struct{ From, To, Size int }

// Stored is a value of a store.
type Stored struct {
	Name string // GROUP:FEATURE
	// Column is its number in the group, From its bytes in a row of that, To those in the tensor's row.
	Column, From, To, Size int
	// Given is the input of Client that takes its place.
	Given    int
	Required bool
	// Of is its number in Plan.Columns.
	Of int
}

// Request is a value that the request brings: the input of Client, the bytes in the tensor's row, and its number in Plan.Columns.
type Request struct{ Input, To, Size, Of int }
