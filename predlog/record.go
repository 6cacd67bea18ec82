package predlog

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// Record is what is known of a request that has ended. Take keeps nothing of it.
type Record struct {
	// ID is the request's id, of which the first MaxID bytes are written.
	ID                     []byte
	Arrived                clock.Instant
	Model, Version, Digest string
	// Role is what the version was for the request: live, canary, or empty if the request named it. Unit is of a split.
	Role string
	Unit Unit
	// Device ran it, for Reason if it was not the preferred one; Batch is the rows of its run.
	Device, Reason string
	Batch, Rows    int
	// Status is OK, or the code of the fault. Late says that the answer came after the deadline.
	Status string
	Late   bool
	// Kinds are those that the caller knows it to be of. Worst is found here.
	Kinds Kinds
	// Budget is 0 where it was not known. The stages are those of the metrics.
	Budget, Decode, Queue, Input, Run, Output, Encode, Total time.Duration
	// Schema has the names of Inputs, Optional and Outputs, which stand as package task has them. Inputs are nil
	// if the request was not decoded, Outputs if it was not answered. A tensor that is Invalid is not there.
	Schema                    *tensor.Schema
	Inputs, Optional, Outputs []tensor.Tensor
	// Columns are those of the inputs that are filled, whether they were or not. Trail is what became of them, nil if they were not.
	Columns []origin.Column
	Trail   *origin.Trail
}

// Unit is whom a request was about, where that is known, and how many of package unit's buckets were a canary's, 0
// without a canary.
type Unit struct {
	Known bool
	Hash  uint64
	Share int
}

// OK is the Status of an answer.
const OK = "OK"

// MaxID is the longest id that is written whole.
const MaxID = 256

// Kind is a kind of requests of which some are kept besides the sample.
type Kind uint8

// The kinds, in the order in which a record is kept for them.
const (
	Failed   Kind = iota // the server's fault
	Refused              // shed, malformed, or its client gone
	Late                 // answered after its deadline
	Degraded             // not run on the preferred device, or with worse inputs than its stores could have given
	Worst                // it took a larger share of its budget than any other so far in its second
	NumKinds
)

var kindNames = [NumKinds]string{"failed", "refused", "late", "degraded", "worst"}

// String is the kind's name in the log.
func (k Kind) String() string { return kindNames[k] }

// Kinds is a set of them.
type Kinds uint8

// With adds a kind.
func (s Kinds) With(k Kind) Kinds { return s | 1<<k }

// Has reports whether a kind is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// Reason is why a record that was seen is not written.
type Reason uint8

// The reasons.
const (
	QueueFull  Reason = iota // more waits for the disk than the queue holds
	Disk                     // it could not be written
	Capped                   // its kind had its share of the second, and it is in no sample
	TooLarge                 // its tensors are larger than Options.MaxRecord
	NumReasons               // keep last
)

var reasonNames = [NumReasons]string{"queue_full", "disk", "capped", "too_large"}

// String is the reason's name in the metrics.
func (r Reason) String() string { return reasonNames[r] }
