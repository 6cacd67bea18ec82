package devices

import (
	"fmt"

	"sluice/compare/price"
)

// Schema is the number of the report's form as JSON. It grows when a field changes its meaning.
const Schema = 1

// Report is the answer, as JSON and for Text. docs/compare.md has its fields in a table.
type Report struct {
	Schema  int     `json:"schema"`
	Verdict Verdict `json:"verdict"`
	Model   Model   `json:"model"`
	// Objective, RowsPerRequest, Devices and Equivalence are as they were given.
	Objective      string      `json:"objective,omitempty"`
	RowsPerRequest int         `json:"rows_per_request"`
	Equivalence    Equivalence `json:"equivalence"`
	Devices        [2]Device   `json:"devices"`
	// Assumed is set if nobody named the load.
	Assumed bool `json:"load_assumed,omitempty"`
	// Price is what rows cost on both; nil where no rate is known.
	Price *price.Report `json:"price,omitempty"`
	// Costs are what rows cost at some rates, from low to high.
	Costs []Cost `json:"costs,omitempty"`
}

// Verdict is the answer.
type Verdict struct {
	// Kind is Differs, Missing, or one of those of price.Verdict.
	Kind string `json:"kind"`
	// Device is the one to take, if there is one.
	Device string `json:"device,omitempty"`
	// Text is the answer in one sentence, and Why are further ones that give the reasons.
	Text string   `json:"text"`
	Why  []string `json:"why,omitempty"`
}

// The kinds of a verdict beside those of price.Verdict.
const (
	Differs = "differs" // the answers are farther apart than the tolerance allows
	Missing = "missing" // the model does not run on a device
)

// Cost is what a million rows cost at a rate. A device that holds the objective at no rate has 0.
type Cost struct {
	RowsPerSecond float64    `json:"rows_per_second"`
	Replicas      [2]int     `json:"replicas"`
	DeviceSeconds [2]float64 `json:"device_seconds_per_million"`
	PerMillion    [2]float64 `json:"cost_per_million"`
}

// Compare makes a report of what was measured.
func Compare(f Figures) (*Report, error) {
	r := &Report{
		Schema: Schema, Model: f.Model, Objective: f.Objective, RowsPerRequest: f.RowsPerRequest, Devices: f.Devices, Equivalence: f.Equivalence,
	}
	if f.Devices[0].Missing != "" || f.Devices[1].Missing != "" {
		r.missing()
		return r, nil
	}
	prices := f.Prices
	if prices == nil {
		prices = &price.Prices{Fleet: price.DefaultFleet()}
	}
	devices := [2]price.Device{}
	for i := range devices {
		devices[i] = prices.Device(f.Devices[i].Name, f.Devices[i].Load.RowsPerSecond)
	}
	day := f.Day
	if day == (price.Day{}) {
		r.Assumed = true
		day = price.Steady(assumed(prices.Fleet, devices))
	}
	var err error
	if r.Price, err = price.Compare(prices.Fleet, day, devices[0], devices[1]); err != nil {
		return nil, fmt.Errorf("cannot compare what rows cost: %w", err)
	}
	r.costs(prices.Fleet, devices)
	r.judge()
	return r, nil
}

// assumed is what one replica of the slower device is planned for; any rate if no device holds the objective.
func assumed(fleet price.Fleet, devices [2]price.Device) float64 {
	a, b := devices[0].RowsPerSecond, devices[1].RowsPerSecond
	slower := min(a, b)
	if slower == 0 {
		slower = max(a, b)
	}
	if slower == 0 {
		return 1
	}
	return fleet.Headroom * slower
}

// parts are the rates of the table of costs, as parts of the peak.
var parts = []float64{0.1, 0.25, 0.5, 1, 2, 4, 10}

func (r *Report) costs(fleet price.Fleet, devices [2]price.Device) {
	for _, part := range parts {
		c := Cost{RowsPerSecond: part * r.Price.Peak}
		for i, d := range devices {
			if d.RowsPerSecond == 0 {
				continue
			}
			c.Replicas[i] = int(fleet.Needed(d, c.RowsPerSecond))
			c.DeviceSeconds[i], c.PerMillion[i] = fleet.DeviceSeconds(d, c.RowsPerSecond), fleet.CostPerMillion(d, c.RowsPerSecond)
		}
		r.Costs = append(r.Costs, c)
	}
}
