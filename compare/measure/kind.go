package measure

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/tensor"
)

// Kind is what an output means. It decides which figures a comparison has.
type Kind uint8

// The kinds.
const (
	Tensor      Kind = iota // anything: numbers, or words that are equal or not
	Embedding               // a vector a row, whose direction counts
	Regression              // numbers in a unit, such as minutes
	Probability             // one element of a row is a probability, and a threshold decides
	Class                   // a label a row, or the scores of the classes, of which the largest wins
	Ranked                  // scores that order a list: the rows of a request or, if a row has several elements, each row
)

var kindNames = []string{"tensor", "embedding", "regression", "probability", "class", "ranked"}

// String returns the name of the kind, such as probability.
func (k Kind) String() string { return kindNames[k] }

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, error) {
	if i := slices.Index(kindNames, name); i >= 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("%.64q is no kind of output; the kinds are %s", name, strings.Join(kindNames, ", "))
}

// wide is from how many elements of a row on, without labels, Guess takes it for an embedding.
const wide = 32

// Guess guesses a kind from what is known of an output. What a guess cannot know has to be declared: that a single
// number without labels is a probability, or that the rows of a request are one list.
func Guess(spec *tensor.Spec, batchable bool) Kind {
	row := spec.Shape
	if batchable && len(row) > 0 {
		row = row[1:]
	}
	// What is 1 long makes no difference.
	row = slices.DeleteFunc(slices.Clone(row), func(n int64) bool { return n == 1 })
	switch {
	case spec.Dynamic:
		return Tensor
	case !spec.Type.Float():
		if len(row) == 0 {
			return Class
		}
		return Tensor
	case len(row) == 0 && len(spec.Labels) > 0:
		return Probability
	case len(row) == 0:
		return Regression
	case len(row) > 1:
		return Tensor
	case row[0] > 1 && int64(len(spec.Labels)) == row[0]:
		return Class
	case row[0] >= wide:
		return Embedding
	case row[0] < 0 && !batchable:
		return Ranked // one score for each of as many items as a request brings
	}
	return Tensor
}

// Floor is the least threshold above which a row's difference counts, whatever the noise is: what the tolerance just
// allows. A list has no tolerance.
func (k Kind) Floor() float64 {
	if k == Ranked {
		return 0
	}
	return 1
}

// Role is what may be done with the numbers that units give for a figure.
type Role uint8

// The roles.
const (
	Share   Role = iota // in [0,1], 0 where the answers agree; its mean over units is of interest
	Mean                // any number; its mean over units is of interest
	Largest             // at least 0; its largest and its quantiles are of interest
)

// String returns the name of the role, such as share.
func (r Role) String() string { return [...]string{"share", "mean", "largest"}[r] }

// Figure is one number that a unit gives.
type Figure struct {
	Name string
	Role Role
}

// Numbers of the figures.
const (
	differs = iota
	mismatch
	bias
	absDifference
	maxAbs
	maxRelative
	maxULP
	cosineDistance
	absProbability
	logitDifference
	flip
	flipUp
	flipDown
	topChange
	topKChange
	tauDistance
	rboDistance
	ndcgLoss
	allFigures
)

var figures = [allFigures]Figure{
	differs: {"differs", Share}, mismatch: {"mismatch", Share},
	bias: {"bias", Mean}, absDifference: {"abs_difference", Mean}, maxAbs: {"max_abs", Largest}, maxRelative: {"max_relative", Largest}, maxULP: {"max_ulp", Largest},
	cosineDistance: {"cosine_distance", Mean},
	absProbability: {"abs_difference", Share}, logitDifference: {"logit_difference", Mean},
	flip: {"flip", Share}, flipUp: {"flip_up", Share}, flipDown: {"flip_down", Share},
	topChange: {"top1_change", Share}, topKChange: {"topk_change", Share}, tauDistance: {"tau_distance", Share}, rboDistance: {"rbo_distance", Share}, ndcgLoss: {"ndcg_loss", Share},
}

var numeric = []int{differs, mismatch, bias, absDifference, maxAbs, maxRelative, maxULP}

var figuresOf = [...][]int{
	Tensor:      numeric,
	Embedding:   slices.Concat(numeric, []int{cosineDistance}),
	Regression:  numeric,
	Probability: {differs, mismatch, bias, absProbability, maxAbs, logitDifference, flip, flipUp, flipDown},
	Class:       {differs, mismatch},
	Ranked:      {differs, mismatch, topChange, topKChange, tauDistance, rboDistance, ndcgLoss},
}

// Figures are the figures of a kind, in the order of Unit.Values.
func (k Kind) Figures() []Figure {
	list := make([]Figure, len(figuresOf[k]))
	for i, f := range figuresOf[k] {
		list[i] = figures[f]
	}
	return list
}
