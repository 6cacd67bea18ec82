package devices

import (
	"time"

	"sluice/compare/price"
	"sluice/internal/cost"
)

// Figures are what was measured, and what it is compared under.
type Figures struct {
	Model Model
	// Objective is what a replica has to hold, such as p99<20ms.
	Objective string
	// RowsPerRequest is how many rows each request under load had.
	RowsPerRequest int
	// Devices are the two; the first one is the reference for answers.
	Devices     [2]Device
	Equivalence Equivalence
	// Prices may be nil.
	Prices *price.Prices
	// Day is the load. The zero value is what one replica of the slower device is planned for.
	Day price.Day
}

// Model is what was compared.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest,omitempty"`
}

// Device is a model on one device. What is not known is left out.
type Device struct {
	Name string `json:"name"`
	// CPU is set for the CPU itself, which every machine with another device has as well.
	CPU bool `json:"cpu,omitempty"`
	// Missing says why the model does not run there; the rest is empty then.
	Missing string `json:"missing,omitempty"`
	// Precision is what makes its arithmetic coarser than FP32: settings such as tf32 or fp16. Empty is none.
	Precision []string `json:"precision,omitempty"`
	// Lanes is how many batches may be there at once, and Together whether they run at the same time.
	Lanes    int  `json:"lanes"`
	Together bool `json:"together,omitempty"`
	// Opened is how long the session took to open, Cold what the first run of each batch size took, and Warm what
	// later ones take.
	Opened time.Duration `json:"opened_ns,omitempty"`
	Cold   cost.Curve    `json:"cold,omitempty"`
	Warm   cost.Curve    `json:"warm,omitempty"`
	// Target is the batch size of highest throughput within half the budget.
	Target int `json:"target,omitempty"`
	// Nodes are the nodes of the graph by what runs them, that of the device first.
	Nodes []Nodes `json:"nodes,omitempty"`
	Load  Load    `json:"load"`
	// Energy is nil where nothing was measured; Unmeasured then says why.
	Energy     *Energy `json:"energy,omitempty"`
	Unmeasured string  `json:"energy_unmeasured,omitempty"`
}

// Nodes is how many nodes of the graph a provider runs.
type Nodes struct {
	Provider string `json:"provider"`
	Count    int    `json:"count"`
}

// Where the highest rate of a replica comes from.
const (
	Measured = "measured"   // under load, at the objective
	Given    = "given"      // by whoever asks
	Table    = "cost table" // full batches without a pause: no request could wait for its batch
)

// Load is what one replica does under load.
type Load struct {
	// RowsPerSecond is the highest rate at the objective; 0 if it holds at none. Low and High are its 95 % interval, 0 if
	// there is none, and AtLeast says that no higher rate failed.
	RowsPerSecond float64 `json:"rows_per_second"`
	Low           float64 `json:"low,omitempty"`
	High          float64 `json:"high,omitempty"`
	AtLeast       bool    `json:"at_least,omitempty"`
	// Unconfirmed is set if the rate held once, and the time was up before it held again.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
	// From is Measured, Given or Table.
	From string `json:"from"`
	// Limit is what was met first on the way up, and Why a sentence on how the figure came about.
	Limit string `json:"limit,omitempty"`
	Why   string `json:"why,omitempty"`
	// Points are the rates that were tried, from low to high, and Planned is what a replica would be given.
	Points  []Point `json:"points,omitempty"`
	Planned *Point  `json:"planned,omitempty"`
}

// Point is what requests took at one rate, from their intended start.
type Point struct {
	RowsPerSecond float64 `json:"rows_per_second"`
	P50           float64 `json:"p50_ms"`
	P99           float64 `json:"p99_ms"`
	// Outcome is pass, fail or inconclusive; planned for what was not held against the objective.
	Outcome string `json:"outcome"`
}

// Energy is what a GPU took while it was under load, by its driver's counter.
type Energy struct {
	Joules  float64 `json:"joules"`
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows"`
	// IdleWatts is what it took before the load.
	IdleWatts float64 `json:"idle_watts"`
	// PerThousand is of 1,000 rows with the idle power in it, and Marginal without.
	PerThousand float64 `json:"joules_per_1000_rows"`
	Marginal    float64 `json:"marginal_joules_per_1000_rows"`
}

// NewEnergy is what so many rows took.
func NewEnergy(joules, idleWatts float64, took time.Duration, rows int64) *Energy {
	e := &Energy{Joules: joules, Seconds: took.Seconds(), Rows: rows, IdleWatts: idleWatts}
	if rows > 0 {
		e.PerThousand = 1000 * joules / float64(rows)
		e.Marginal = max(0, 1000*(joules-idleWatts*took.Seconds())/float64(rows))
	}
	return e
}

// Highest is the rate of full batches without a pause, by the table of warm runs: no replica can do more. limit bounds
// what a batch may take; 0 is no limit. A device that runs a batch in each lane at the same time does so many more.
func (d *Device) Highest(limit time.Duration) float64 {
	best := 0.0
	for _, p := range d.Warm {
		if limit == 0 || p.P50 <= limit {
			best = max(best, d.Warm.RowsPerSecond(p.Rows))
		}
	}
	if d.Together {
		best *= float64(max(d.Lanes, 1))
	}
	return best
}
