package shadow

import (
	"cmp"
	"time"

	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// Request is a live request that was answered. Offer keeps nothing of it.
type Request struct {
	// Model, Version and Digest are of the version that answered.
	Model, Version, Digest string
	ID                     []byte
	// Known says that the request has a unit, of which Unit is the hash; else the request is the unit.
	Known bool
	Unit  uint64
	Rows  int
	// Schema has the names of the tensors, which stand as package task has them.
	Schema                    *tensor.Schema
	Inputs, Optional, Outputs []tensor.Tensor
	// Run is how long the device took.
	Run      time.Duration
	Degraded bool // not on the preferred device
	// Client names the inputs that clients may give, and Sent has those that this one gave, before inputs were filled from stores. Only
	// a Pipeline wants them, and what filling came to: Filled without its features, which Trail has.
	Client *tensor.Schema
	Sent   []tensor.Tensor
	Filled origin.Tally
	Trail  *origin.Trail
}

// Pair is one mirrored request: what the primary answered, what the candidate answered, and, where it was drawn, what the
// primary's version answered to the same again: the same rows, or in a Pipeline what the client sent.
type Pair struct {
	ID        string
	Unit      uint64
	Rows      int
	Inputs    []tensor.Tensor
	Primary   []tensor.Tensor
	Candidate []tensor.Tensor // nil if it failed
	Again     []tensor.Tensor // nil if it was not drawn
	Failure   string          // why Candidate is nil: see Failure
	// PrimaryRun and CandidateRun are the times on the devices; 0 if unknown.
	PrimaryRun, CandidateRun time.Duration
	Degraded                 bool
	// OnRow is what the candidate of a Pipeline answered to the primary's inputs; nil where it was not asked. Filled and CandidateFilled are
	// what the filling of inputs came to on both sides; nil of another mode.
	OnRow                   []tensor.Tensor
	Filled, CandidateFilled *origin.Tally
}

// Mode is what a candidate is asked.
type Mode string

// The modes. A candidate of Model gets the inputs that the primary ran with. One of Pipeline gets what the client sent, and fills its
// inputs itself; then it is asked a second time, with the primary's inputs.
const (
	Model    Mode = ""
	Pipeline Mode = "pipeline"
)

// Study compares pairs. It is called by one goroutine at a time, and keeps nothing of a pair.
type Study interface {
	Add(p *Pair) error
	// Hungry reports whether the primary should be asked again for each request until the noise between its own answers is known.
	Hungry() bool
	// Save returns the sums, as JSON, and the units that were seen.
	Save() (sums, units []byte, err error)
	// Judged are the criteria so far.
	Judged() []Judged
	// Report is what goes into the answer of the admin port, as JSON.
	Report(c *Coverage) (any, error)
}

// Judged is a criterion, the sentence that says it, and what so many units have shown of it.
type Judged struct {
	Criterion, Verdict, Sentence string
	Units                        int64
}

// Side names a version by its content.
type Side struct {
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// Subject is what is compared: the live version of a model with another version, of that model or of another one.
type Subject struct {
	Model string `json:"model"`
	// Of is the candidate's model where that is another one.
	Of        string `json:"of,omitempty"`
	Primary   Side   `json:"primary"`
	Candidate Side   `json:"candidate"`
	// Settings are a digest of what the model's settings declare for comparisons. With others a comparison begins anew.
	Settings string `json:"settings,omitempty"`
	Mode     Mode   `json:"mode,omitempty"`
}

// CandidateModel is the model that the candidate is a version of.
func (s *Subject) CandidateModel() string { return cmp.Or(s.Of, s.Model) }

// Name is how the candidate is named beside its comparison's model: by its version, or by MODEL:VERSION where it is of another model. No name has
// a colon in it.
func (s *Subject) Name() string {
	if s.Of == "" {
		return s.Candidate.Version
	}
	return s.Of + ":" + s.Candidate.Version
}

// same reports whether two are of the same files.
func (s Subject) same(o *Subject) bool {
	s.Settings, s.Mode = o.Settings, o.Mode
	return s == *o
}
