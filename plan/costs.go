package plan

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/cost"
	"sluice/plan/sim"
)

// AnyModel in place of a model's name stands for every model without a table of its own.
const AnyModel = "*"

// Costs are latency tables by kind of device and model.
type Costs map[string]map[string]cost.Curve

// Set puts a table in place.
func (c Costs) Set(kind, model string, curve cost.Curve) {
	if c[kind] == nil {
		c[kind] = map[string]cost.Curve{}
	}
	c[kind][model] = curve
}

func (c Costs) of(kind, model string) cost.Curve {
	if curve, ok := c[kind][model]; ok {
		return curve
	}
	return c[kind][AnyModel]
}

// ParseCost reads one table: KIND=ROWS:P50[/P95],... for every model, or KIND/MODEL=... for
// one, such as gpu=1:2.1ms,8:3.9ms/4.2ms,32:11.2ms.
func (c Costs) ParseCost(text string) error {
	name, table, ok := strings.Cut(text, "=")
	kind, model, one := strings.Cut(name, "/")
	if !one {
		model = AnyModel
	}
	if !ok || kind == "" || model == "" {
		return fmt.Errorf("cannot read the cost %q: use KIND=ROWS:LATENCY,... such as gpu=1:2.1ms,8:3.9ms", text)
	}
	var curve cost.Curve
	for _, part := range strings.Split(table, ",") {
		rows, latency, _ := strings.Cut(part, ":")
		median, tail, two := strings.Cut(latency, "/")
		var p cost.Point
		var err error
		if p.Rows, err = strconv.Atoi(strings.TrimSpace(rows)); err == nil {
			p.P50, err = time.ParseDuration(median)
		}
		if err == nil && two {
			p.P95, err = time.ParseDuration(tail)
		}
		if err != nil {
			return fmt.Errorf("cannot read %q in the cost of %s: use ROWS:P50 or ROWS:P50/P95, such as 8:3.9ms/4.2ms", part, name)
		}
		curve = append(curve, p)
	}
	if err := CheckCurve(curve); err != nil {
		return fmt.Errorf("the cost of %s: %w", name, err)
	}
	c.Set(kind, model, curve)
	return nil
}

// CheckCurve holds a table to what a simulation can use: sizes that ascend from at least 1,
// latencies that are positive and do not fall, 95th percentiles (0 if unknown) not below
// the medians.
func CheckCurve(curve cost.Curve) error {
	if len(curve) == 0 {
		return fmt.Errorf("the table is empty")
	}
	for i, p := range curve {
		switch {
		case p.Rows < 1 || p.Rows > maxRows:
			return fmt.Errorf("a batch of %d rows; it must be 1 to %d", p.Rows, maxRows)
		case p.P50 <= 0:
			return fmt.Errorf("%d rows take %v; it must be positive", p.Rows, p.P50)
		case p.P95 != 0 && p.P95 < p.P50:
			return fmt.Errorf("%d rows have a 95th percentile of %v, below the median of %v", p.Rows, p.P95, p.P50)
		case i > 0 && p.Rows <= curve[i-1].Rows:
			return fmt.Errorf("%d rows come after %d: sizes must ascend", p.Rows, curve[i-1].Rows)
		case i > 0 && p.P50 < curve[i-1].P50:
			return fmt.Errorf("%d rows take %v, less than %d rows with %v: latencies must not fall", p.Rows, p.P50, curve[i-1].Rows, curve[i-1].P50)
		}
	}
	return nil
}

// normal95 is the 95th percentile of the standard normal distribution.
const normal95 = 1.6449

// measuredNoise is the noise that the tables show: the median spread of their percentiles,
// and the usual hiccups. Tables without percentiles have the usual spread too.
func measuredNoise(curves []cost.Curve) sim.Noise {
	var spread []float64
	for _, curve := range curves {
		for _, p := range curve {
			if p.P95 > 0 {
				spread = append(spread, math.Log(float64(p.P95)/float64(p.P50))/normal95)
			}
		}
	}
	noise := sim.Usual
	if len(spread) > 0 {
		slices.Sort(spread)
		noise.Sigma = spread[len(spread)/2]
	}
	return noise
}

// swept is what a warm-up sweep would have found: the table with every 95th percentile.
func swept(curve cost.Curve, noise sim.Noise) cost.Curve {
	out := slices.Clone(curve)
	for i := range out {
		if out[i].P95 == 0 {
			out[i].P95 = time.Duration(float64(out[i].P50) * math.Exp(normal95*noise.Sigma))
		}
	}
	return out
}
