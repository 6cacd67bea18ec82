package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Limits of a histogram.
const (
	deciles     = 10
	minBaseline = 50 // values, so that each bin has five of them
)

// Histogram counts scores in the deciles of a baseline. Its size does not grow.
type Histogram struct {
	edges   []float64 // bin i holds what is above edges[i-1] and not above edges[i]
	counts  []int64
	missing int64 // NaN
}

// Deciles returns a histogram whose bins are the tenths of a baseline, such as the scores of the training rows, and that
// holds it. A value that takes several tenths has a bin of its own, so that what moves to either side of it shows.
// Infinities count in the outer bins, and NaN apart.
func Deciles(baseline []float64) (*Histogram, error) {
	sorted := slices.DeleteFunc(slices.Clone(baseline), math.IsNaN)
	if len(sorted) < minBaseline {
		return nil, fmt.Errorf("cannot make bins of a baseline of %d numbers; the fewest are %d", len(sorted), minBaseline)
	}
	slices.Sort(sorted)
	h := &Histogram{}
	for i := 1; i < deciles; i++ {
		edge := sorted[(i*len(sorted)+deciles-1)/deciles-1] // the lowest with a share of i/10 up to it
		below := math.Nextafter(edge, math.Inf(-1))
		last := len(h.edges) - 1
		switch {
		case !finite(edge) || !finite(below):
		case last < 0 || edge > h.edges[last]:
			h.edges = append(h.edges, edge)
		case last == 0 || below > h.edges[last-1]:
			h.edges = append(h.edges[:last], below, edge)
		}
	}
	h.counts = make([]int64, len(h.edges)+1)
	for _, x := range baseline {
		h.Add(x)
	}
	return h, nil
}

// Empty returns a histogram of the same bins that holds nothing.
func (h *Histogram) Empty() *Histogram {
	return &Histogram{edges: slices.Clone(h.edges), counts: make([]int64, len(h.counts))}
}

// Add counts a score.
func (h *Histogram) Add(x float64) {
	if math.IsNaN(x) {
		h.missing++
		return
	}
	bin, _ := slices.BinarySearch(h.edges, x)
	h.counts[bin]++
}

// Counts returns the counts of the bins, and of NaN.
func (h *Histogram) Counts() (bins []int64, missing int64) { return slices.Clone(h.counts), h.missing }

func (h *Histogram) total() (n int64) {
	for _, c := range h.counts {
		n += c
	}
	return n
}

// Drift is how far scores have moved from a baseline.
type Drift struct {
	// PSI is the population stability index: the sum over bins of (p - q) ln(p/q).
	PSI float64
	// Critical is what PSI exceeds in one of twenty comparisons of samples that have not moved: (1/n + 1/m) times the 95 %
	// quantile of chi-square with one degree of freedom fewer than bins. The conventional 0.1 and 0.25 know nothing of n and m.
	Critical float64
	// Baseline and Current are n and m; Bins are those that hold something.
	Baseline, Current int64
	Bins              int
}

// Moved tells whether the scores have moved by more than chance explains.
func (d *Drift) Moved() bool { return d.PSI > d.Critical }

// chiSquare95 is the 95 % quantile of the chi-square distribution by degrees of freedom.
var chiSquare95 = [deciles]float64{
	1: 3.841458820694124, 2: 5.991464547107979, 3: 7.814727903251179, 4: 9.487729036781154, 5: 11.070497693516351,
	6: 12.591587243743977, 7: 14.067140449340169, 8: 15.507313055865453, 9: 16.918977604620448,
}

// PSI compares two histograms of the same bins. Half a row is added to each bin, so that one that is empty on one side
// counts as rare and not as impossible; a bin that is empty on both sides says nothing.
func PSI(baseline, current *Histogram) (Drift, error) {
	if !slices.Equal(baseline.edges, current.edges) {
		return Drift{}, fmt.Errorf("cannot compare histograms of different bins, with the edges %v and %v", baseline.edges, current.edges)
	}
	d := Drift{Baseline: baseline.total(), Current: current.total()}
	if d.Baseline == 0 || d.Current == 0 {
		return d, fmt.Errorf("cannot compare histograms of %d and %d values", d.Baseline, d.Current)
	}
	for i := range baseline.counts {
		if baseline.counts[i]+current.counts[i] > 0 {
			d.Bins++
		}
	}
	half := float64(d.Bins) / 2
	n, m := float64(d.Baseline), float64(d.Current)
	for i := range baseline.counts {
		if baseline.counts[i]+current.counts[i] > 0 {
			p, q := (float64(baseline.counts[i])+0.5)/(n+half), (float64(current.counts[i])+0.5)/(m+half)
			d.PSI += (p - q) * math.Log(p/q)
		}
	}
	d.Critical = (1/n + 1/m) * chiSquare95[d.Bins-1]
	return d, nil
}

type histogramState struct {
	Edges   []float64 `json:"edges"`
	Counts  []int64   `json:"counts"`
	Missing int64     `json:"missing"`
}

// MarshalJSON gives the state.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(histogramState{h.edges, h.counts, h.missing})
}

// UnmarshalJSON takes a state that MarshalJSON gave.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var s histogramState
	if err := decode(data, &s); err != nil {
		return fmt.Errorf("cannot read the histogram: %w", err)
	}
	if len(s.Edges) >= deciles || len(s.Counts) != len(s.Edges)+1 {
		return fmt.Errorf("cannot read the histogram: %d edges and %d counts; there is one count more than edges, and the most edges are %d", len(s.Edges), len(s.Counts), deciles-1)
	}
	for i := 1; i < len(s.Edges); i++ {
		if s.Edges[i] <= s.Edges[i-1] {
			return fmt.Errorf("cannot read the histogram: the edge %v does not follow %v", s.Edges[i], s.Edges[i-1])
		}
	}
	sum := int64(0)
	for _, c := range append(s.Counts[:len(s.Counts):len(s.Counts)], s.Missing) {
		if sum += c; c < 0 || c > maxCount || sum > maxCount {
			return fmt.Errorf("cannot read the histogram: the counts %v and %d are not whole numbers from 0 to %d in all", s.Counts, s.Missing, int64(maxCount))
		}
	}
	h.edges, h.counts, h.missing = s.Edges, s.Counts, s.Missing
	return nil
}

// maxCount is the most that a state may have counted: as many as a float64 counts one by one.
const maxCount = 1 << 53
