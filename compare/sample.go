package compare

import (
	"fmt"
	"slices"
	"time"

	"sluice/compare/criteria"
	"sluice/internal/agree"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// Sample is one request: what the primary answered, what the candidate answered, and, where it was drawn, what the
// primary's version answered to the same again (A/A): the same rows, or in a pipeline what the client sent. A study keeps nothing of it.
type Sample struct {
	// ID is the request's.
	ID string
	// Unit is the hash of the unit, or of the request where it has none.
	Unit   uint64
	Rows   int
	Inputs []tensor.Tensor
	// Primary are the outputs, by name.
	Primary []tensor.Tensor
	// Candidate is nil if it failed, Again if it was not drawn.
	Candidate, Again []tensor.Tensor
	// Failure is why Candidate is nil: a short reason such as timeout, error or gone.
	Failure string
	// PrimaryRun and CandidateRun are device time, 0 if it is not known.
	PrimaryRun, CandidateRun time.Duration
	// Degraded says that the primary's answer was not made as usual, such as on a fallback.
	Degraded bool
	// OnRow is what the candidate of a pipeline answered to the primary's inputs; nil where it was not asked. Filled and CandidateFilled
	// are what the filling of inputs came to on both sides; nil of another study.
	OnRow                   []tensor.Tensor
	Filled, CandidateFilled *origin.Tally
}

// Version is what is compared.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest,omitempty"`
}

// String is the version as a command line has it.
func (v Version) String() string {
	if v.Version == "" {
		return v.Name
	}
	return v.Name + ":" + v.Version
}

// Output and Criterion are what the settings of a model say.
type (
	Output    = criteria.Output
	Criterion = criteria.Criterion
)

// Options say what a study compares, and by what. Zero means the default said in each comment.
type Options struct {
	// Model is the name under which traffic asks.
	Model string
	// Primary is the reference, Candidate what is judged. Digests, if they are known, tell files of one name apart.
	Primary, Candidate Version
	// Schema is that of the primary, which the candidate shares.
	Schema *tensor.Schema
	// Outputs say what outputs mean; default guessed from the schema.
	Outputs map[string]Output
	// Criteria are what the candidate has to show; default criteria.Defaults.
	Criteria []Criterion
	// Segments are inputs by whose values the figures are split; default none.
	Segments []string
	// Tolerance is the model's; default agree.Loading.
	Tolerance agree.Tolerance
	// Again says that the primary is asked again for some of the samples (A/A). Without it there is no noise to be taken
	// off: what differs is what is beyond the tolerance.
	Again bool
	// Pipeline says that the candidate fills its inputs itself: its difference is split into what its features and what its model do, and
	// what it finds in the stores is held against what the primary has found.
	Pipeline bool
	// MostDefaults is the limit of the default criterion on defaults, in a pipeline whose model declares no criteria; 0 is none.
	MostDefaults float64
	// Alpha and MostUnits are for criteria that have none of their own; default 0.05 and 20,000 units.
	Alpha     float64
	MostUnits int64
	// UnitBytes is the size of the filter of units that were seen; default 1 MiB, which holds 838,860 units.
	UnitBytes int
	// Worst is how many of the rows that differ most are kept for each output; default 20.
	Worst int
	// Seed salts the filter of units.
	Seed uint64

	leftOut bool // a criterion on what is not known
}

const (
	defaultUnitBytes = 1 << 20
	defaultWorst     = 20
	// worstBytes is what the rows that differ most may take in all, and mostContent one of them.
	worstBytes  = 2 << 20
	mostContent = 64 << 10
	maxOutputs  = 64
)

func (o *Options) defaults() (declared bool, err error) {
	if o.Schema == nil || len(o.Schema.Outputs) == 0 || len(o.Schema.Outputs) > maxOutputs {
		return false, fmt.Errorf("cannot compare versions of %.64q without a schema of 1 to %d outputs", o.Model, maxOutputs)
	}
	if o.Tolerance == (agree.Tolerance{}) {
		o.Tolerance = agree.Loading
	}
	if o.Alpha == 0 {
		o.Alpha = criteria.DefaultAlpha
	}
	if o.MostUnits == 0 {
		o.MostUnits = criteria.DefaultMostUnits
	}
	if o.UnitBytes == 0 {
		o.UnitBytes = defaultUnitBytes
	}
	if o.Worst == 0 {
		o.Worst = defaultWorst
	}
	if !o.Pipeline { // nothing is known of it
		o.leftOut = slices.ContainsFunc(o.Criteria, ofStores)
		o.Criteria = slices.DeleteFunc(slices.Clone(o.Criteria), ofStores)
	}
	declared = len(o.Criteria) > 0
	if !declared {
		o.Criteria = criteria.Defaults(o.Schema, o.Outputs)
		if o.Pipeline && o.MostDefaults > 0 {
			o.Criteria = append(o.Criteria, Criterion{Figure: criteria.Defaulted, AtMost: criteria.At(o.MostDefaults)})
		}
	}
	o.Criteria = slices.Clone(o.Criteria)
	set := criteria.Set{Outputs: o.Outputs, Criteria: o.Criteria, Segments: o.Segments}
	for _, f := range set.Check(o.Schema) {
		return declared, fmt.Errorf("cannot compare versions of %.64q: %s: %w", o.Model, f.At, f.Err)
	}
	return declared, nil
}

// ofStores tells whether a criterion is about what was found in stores.
func ofStores(c Criterion) bool { return c.Figure == criteria.Defaulted }

// named finds a tensor by its name; nil if there is none.
func named(list []tensor.Tensor, name string) *tensor.Tensor {
	for i := range list {
		if list[i].Name == name && list[i].Type != tensor.Invalid {
			return &list[i]
		}
	}
	return nil
}
