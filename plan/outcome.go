package plan

import "time"

// Outcome is what became of the requests that arrived in the length of a study. Durations
// are in nanoseconds in JSON.
type Outcome struct {
	Fleet []Group `json:"fleet"`
	Scale float64 `json:"scale"`
	Speed float64 `json:"speed"`
	Seed  uint64  `json:"seed"`
	// Length is the time that rates are about.
	Length time.Duration `json:"length_ns"`

	Counts
	// Offered and Goodput are requests per second: all that arrived, and those answered in
	// time. GoodRows is the rows per second of the latter.
	Offered  float64 `json:"offered_per_s"`
	Goodput  float64 `json:"goodput_per_s"`
	GoodRows float64 `json:"good_rows_per_s"`
	// Attainment is the part of the requests that was answered in time.
	Attainment float64 `json:"attainment"`
	Latency    Latency `json:"latency"`
	// Reasons counts the requests refused or dropped, by the scheduler's reason.
	Reasons map[string]int `json:"reasons"`

	Devices []DeviceOutcome `json:"devices"`
	Models  []ModelOutcome  `json:"models"`
	// Batches is how many batches had how many rows, over all devices.
	Batches []BatchCount `json:"batches"`
	Queue   Queue        `json:"queue"`
	Series  []Slice      `json:"series"`
	// Curve is the latency below which a part of all requests was answered; it ends where
	// no more were.
	Curve []CurvePoint `json:"curve"`

	latencies *histogram
}

// Counts is how requests ended. Arrived is the sum of the others.
type Counts struct {
	Arrived int `json:"arrived"`
	InTime  int `json:"in_time"`
	Late    int `json:"late"`
	Dropped int `json:"dropped"`
	Refused int `json:"refused"`
}

// Latency is from arrival to answer, overhead included, of what was answered. A quantile
// that too few answers speak for is nil.
type Latency struct {
	Mean time.Duration  `json:"mean_ns"`
	P50  *time.Duration `json:"p50_ns"`
	P90  *time.Duration `json:"p90_ns"`
	P99  *time.Duration `json:"p99_ns"`
	P999 *time.Duration `json:"p99_9_ns"`
	Max  time.Duration  `json:"max_ns"`
}

// DeviceOutcome is a device.
type DeviceOutcome struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Share is the part of all answers in time that came from here.
	Share   float64 `json:"share"`
	InTime  int     `json:"in_time"`
	Late    int     `json:"late"`
	Batches int     `json:"batches"`
	Rows    int     `json:"rows"`
	// MeanBatch is in rows.
	MeanBatch float64 `json:"mean_batch"`
	// Utilisation is the part of the time, over all lanes, that runs took.
	Utilisation float64 `json:"utilisation"`
}

// ModelOutcome is a model.
type ModelOutcome struct {
	Name string `json:"name"`
	Counts
	Attainment float64 `json:"attainment"`
	Latency    Latency `json:"latency"`
}

// BatchCount is how many batches had so many rows.
type BatchCount struct {
	Rows    int `json:"rows"`
	Batches int `json:"batches"`
}

// Queue is the rows that wait, over all devices.
type Queue struct {
	Mean float64 `json:"mean_rows"`
	Max  int     `json:"max_rows"`
}

// Slice is a part of the length.
type Slice struct {
	At        time.Duration `json:"at_ns"` // its start, from the end of the warm-up
	Offered   float64       `json:"offered_per_s"`
	Goodput   float64       `json:"goodput_per_s"` // of the requests that arrived in it
	MeanBatch float64       `json:"mean_batch"`    // 0 if no batch was sealed
	Queue     int           `json:"max_queue_rows"`
}

// CurvePoint says that a part of all requests was answered within a latency.
type CurvePoint struct {
	Part    float64       `json:"part"`
	Latency time.Duration `json:"latency_ns"`
}

func attainment(c Counts) float64 {
	if c.Arrived == 0 {
		return 1
	}
	return float64(c.InTime) / float64(c.Arrived)
}

// Least answers that a quantile can be told from, by the rule of MLPerf's early stopping:
// so many without one above it make it sure at 99 %.
func leastFor(q float64) uint64 {
	switch {
	case q >= 0.999:
		return 4603
	case q >= 0.99:
		return 459
	case q >= 0.9:
		return 44
	default:
		return 1
	}
}

func latencyOf(h *histogram) Latency {
	q := func(q float64) *time.Duration {
		if h.n < leastFor(q) {
			return nil
		}
		d, _ := h.quantile(q, h.n)
		return &d
	}
	return Latency{Mean: h.mean(), P50: q(0.5), P90: q(0.9), P99: q(0.99), P999: q(0.999), Max: h.max}
}

// curveParts are where the latency curve is drawn: evenly up to 0.9, then closer and closer.
var curveParts = func() (parts []float64) {
	for p := 1; p < 90; p++ {
		parts = append(parts, float64(p)/100)
	}
	for _, tail := range []float64{0.1, 0.01, 0.001, 0.0001} {
		for i := range 9 {
			parts = append(parts, 1-tail*(1-float64(i)/10))
		}
	}
	return parts
}()

func curveOf(h *histogram, arrived int) (curve []CurvePoint) {
	for _, part := range curveParts {
		if float64(arrived)*(1-part) < 3 {
			break // chance alone
		}
		d, ok := h.quantile(part, uint64(arrived))
		if !ok {
			break
		}
		curve = append(curve, CurvePoint{part, d})
	}
	return curve
}
