package price

import (
	"fmt"
	"math"
	"strconv"

	"sluice/internal/units"
)

// verdict says in one sentence who is cheaper, with the figures that show it.
func (c *contest) verdict() Verdict {
	a, b := c.figures(0), c.figures(1)
	switch {
	case !c.feasible(0) && !c.feasible(1):
		return Verdict{Neither, "", fmt.Sprintf("Neither %s nor %s meets the objective at any rate.", a.Name, b.Name)}
	case !c.feasible(0):
		return c.only(b, a)
	case !c.feasible(1):
		return c.only(a, b)
	case !c.priced():
		return c.unpriced(a, b)
	}
	sign, n := c.cheaper(), decimals(a.PerMillion, b.PerMillion)
	if sign == 0 {
		return Verdict{Same, "", fmt.Sprintf("%s %s (%s) and %s (%s) cost the same: %s per million rows.",
			c.when(), a.Name, a.use(), b.Name, b.use(), c.money(n, a.PerMillion))}
	}
	if sign > 0 {
		a, b = b, a
	}
	saved := b.Day - a.Day
	return Verdict{Cheaper, a.Name, fmt.Sprintf("%s %s is cheaper: a million rows cost %s on it (%s) and %s on %s (%s), so it saves %s a day.",
		c.when(), a.Name, c.money(n, a.PerMillion), a.use(), c.money(n, b.PerMillion), b.Name, b.use(), c.money(decimals(saved), saved))}
}

func (c *contest) only(a, b Figures) Verdict {
	cost := number(a.DeviceSeconds) + " device-seconds"
	if a.PerMillion > 0 {
		cost = c.money(decimals(a.PerMillion), a.PerMillion)
	}
	return Verdict{Only, a.Name, fmt.Sprintf("%s only %s meets the objective, at %s per million rows (%s); %s meets it at no rate.", c.when(), a.Name, cost, a.use(), b.Name)}
}

// unpriced says how the prices would have to be.
func (c *contest) unpriced(a, b Figures) Verdict {
	if a.DeviceSeconds > b.DeviceSeconds {
		a, b = b, a
	}
	lacks := "no price is known"
	for i, d := range c.devices {
		if d.PricePerHour > 0 {
			lacks = fmt.Sprintf("the price of %s is not known", c.devices[1-i].Name)
		}
	}
	return Verdict{Unpriced, "", fmt.Sprintf("%s a million rows take %s device-seconds on %s (%s) and %s on %s (%s), so %s is cheaper if an hour of it costs less than %s hours of %s; %s.",
		c.when(), number(a.DeviceSeconds), a.Name, a.use(), number(b.DeviceSeconds), b.Name, b.use(), a.Name, number(b.DeviceSeconds/a.DeviceSeconds), b.Name, lacks)}
}

// when names the load.
func (c *contest) when() string {
	if c.day.steady() {
		return fmt.Sprintf("At %s rows/s", number(c.day.Peak()))
	}
	return fmt.Sprintf("Over a day of %s rows/s on average and %s at the peak", number(c.day.Mean()), number(c.day.Peak()))
}

// money is an amount with so many decimals and its currency.
func (c *contest) money(decimals int, amount float64) string {
	return fmt.Sprintf("%.*f %s", decimals, amount, c.currency())
}

// use says how many replicas there are, and how idle.
func (f Figures) use() string {
	n := units.Count(f.ReplicasMost, "replica")
	if f.ReplicasLeast < f.ReplicasMost {
		n = fmt.Sprintf("%d to %s", f.ReplicasLeast, n)
	}
	return fmt.Sprintf("%s, %.0f %% idle", n, 100*f.Idle)
}

// number is a figure with four digits or more.
func number(x float64) string {
	if x >= 1000 && x < 1e9 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// decimals is how many of an amount of money are shown: two, or more if an amount would not have two digits or two would
// look the same though they are not.
func decimals(amounts ...float64) int {
	n := 2
	for n < 8 && !told(n, amounts) {
		n++
	}
	return n
}

func told(n int, amounts []float64) bool {
	for i, x := range amounts {
		if x > 0 && x < math.Pow10(1-n) {
			return false
		}
		for _, y := range amounts[:i] {
			if compare(x, y) != 0 && strconv.FormatFloat(x, 'f', n, 64) == strconv.FormatFloat(y, 'f', n, 64) {
				return false
			}
		}
	}
	return true
}
