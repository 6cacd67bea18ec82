package price

// Schema is the number of the report's form as JSON. It grows when a field changes its meaning.
const Schema = 1

// Report is the answer, as JSON and for Text. What is not known is left out. docs/compare.md has its fields in a table.
type Report struct {
	Schema int `json:"schema"`
	// Verdict is the answer in one sentence.
	Verdict Verdict `json:"verdict"`
	// Currency is that of all figures of money; empty if no price is known.
	Currency string `json:"currency,omitempty"`
	// Headroom and Replicas are the rule of the fleet.
	Headroom float64 `json:"headroom"`
	Replicas int     `json:"replicas"`
	// Day is the rate in each hour, Mean that of all, and Peak the highest, in rows/s.
	Day  Day     `json:"day"`
	Mean float64 `json:"mean"`
	Peak float64 `json:"peak"`
	// Devices are the two, in the order that they were given in.
	Devices [2]Figures `json:"devices"`
	// Spans are the ranges of rates in which the same device is cheaper, from the lowest rate up, and BreakEven the rates
	// in rows/s between them. Up to a point and at it one thing holds, above it the next one.
	Spans     []Span    `json:"spans,omitempty"`
	BreakEven []float64 `json:"break_even,omitempty"`
	// AllFound tells that there is no break-even point above the last one; else none was looked for beyond the last span.
	AllFound bool `json:"all_found,omitempty"`
	// Smooth is the break-even point without steps.
	Smooth float64 `json:"smooth_break_even,omitempty"`
	// PriceRatio is what an hour of the first device may cost, in hours of the second one, for the two to cost the same. It
	// is there where a price is unknown.
	PriceRatio float64 `json:"price_ratio,omitempty"`
	// Changes are those that would turn the verdict, the smallest first: halving counts as much as doubling.
	Changes []Change `json:"changes,omitempty"`
	// Sensitivity is the comparison under other assumptions.
	Sensitivity []Case `json:"sensitivity,omitempty"`
}

// The kinds of a verdict.
const (
	Cheaper  = "cheaper"  // one device is cheaper
	Same     = "same"     // both cost the same
	Only     = "only"     // one device alone meets the objective
	Neither  = "neither"  // no device meets the objective
	Unpriced = "unpriced" // a price is unknown
)

// Verdict is the answer.
type Verdict struct {
	Kind string `json:"kind"`
	// Device is the one that is cheaper, or alone meets the objective.
	Device string `json:"device,omitempty"`
	Text   string `json:"text"`
}

// Figures are those of one device over the day. A device that meets the objective at no rate has none but its price.
type Figures struct {
	Name          string  `json:"name"`
	RowsPerSecond float64 `json:"rows_per_second"`
	PricePerHour  float64 `json:"price_per_hour,omitempty"`
	Fixed         bool    `json:"fixed,omitempty"`
	// ReplicasLeast and ReplicasMost are those of the quietest and of the busiest hour.
	ReplicasLeast int `json:"replicas_least,omitempty"`
	ReplicasMost  int `json:"replicas_most,omitempty"`
	// Idle is the share of what the replicas could do that is billed and not used.
	Idle float64 `json:"idle"`
	// DeviceSeconds is how long replicas run for a million rows.
	DeviceSeconds float64 `json:"device_seconds_per_million,omitempty"`
	// PerMillion is what a million rows cost, FullLoad what they would cost without any idle time, and Day what the day costs.
	PerMillion float64 `json:"cost_per_million,omitempty"`
	FullLoad   float64 `json:"cost_per_million_at_full_load,omitempty"`
	Day        float64 `json:"cost_per_day,omitempty"`
}

// Span is a range of rates, in rows/s.
type Span struct {
	// Cheaper is a device, or empty where both cost the same.
	Cheaper string  `json:"cheaper"`
	Above   float64 `json:"above"`
	// UpTo belongs to the span; 0 is no end.
	UpTo float64 `json:"up_to,omitempty"`
	// Hours is how many of the day have such a rate.
	Hours int `json:"hours"`
}

// Change is one that would turn the verdict: a figure that is From today, and would have to be as Is and To say.
type Change struct {
	// What is price (of an hour), throughput (rows/s of a replica) or load (the mean, in rows/s; all hours change alike).
	What   string  `json:"what"`
	Device string  `json:"device,omitempty"`
	From   float64 `json:"from"`
	// Is is one of < <= > >=.
	Is      string  `json:"is"`
	To      float64 `json:"to"`
	Percent float64 `json:"percent"`
}

// Case is the comparison under another assumption.
type Case struct {
	Change string `json:"change"`
	// DeviceSeconds and PerMillion are those of each device; costs are 0 where a price is unknown.
	DeviceSeconds [2]float64 `json:"device_seconds_per_million"`
	PerMillion    [2]float64 `json:"cost_per_million"`
	// Cheaper is a device, or empty if both cost the same or a price is unknown.
	Cheaper   string    `json:"cheaper"`
	BreakEven []float64 `json:"break_even,omitempty"`
}
