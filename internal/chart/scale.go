package chart

import (
	"math"
	"strconv"
)

// Axis is one side of a chart.
type Axis struct {
	// Label says what is shown, with its unit.
	Label string
	// Min and Max are widened to what the points need, and with Round Max to a round number.
	Min, Max float64
	Round    bool
	// Log spaces by powers of ten; values that are not above 0 then lie at the low end.
	Log bool
	// Tail is for parts below 1: spaced by how little is left, 0, 0.9, 0.99, ...
	Tail bool
	// Names replace the numbers of a bar chart.
	Names []string
}

// place is where a value is along the axis, from 0 to 1.
func (a *Axis) place(v float64) float64 {
	low, high := a.warp(a.Min), a.warp(a.Max)
	if high <= low {
		return 0
	}
	// Halves, so that the largest numbers do not overflow.
	return min(max((a.warp(v)/2-low/2)/(high/2-low/2), 0), 1)
}

func (a *Axis) warp(v float64) float64 {
	switch {
	case a.Log:
		return math.Log10(max(v, tiniest))
	case a.Tail:
		return -math.Log10(max(1-v, 1e-12))
	default:
		return v
	}
}

// fit widens the axis to values; those that are no numbers are passed over.
func (a *Axis) fit(values []float64) {
	if a.Log {
		a.fitLog(values)
		return
	}
	for _, v := range values {
		if finite(v) {
			a.Min, a.Max = min(a.Min, v), max(a.Max, v)
		}
	}
	if a.Tail {
		return
	}
	if a.Max <= a.Min {
		a.Max = a.Min + 1
	}
	if step := niceStep(a.Max/5 - a.Min/5); a.Round && a.Max < hugest {
		a.Max = math.Ceil(a.Max/step-1e-9) * step
	}
}

// fitLog widens the axis to powers of ten around the values that are above 0.
func (a *Axis) fitLog(values []float64) {
	low, high := math.Inf(1), min(a.Max, hugest)
	if a.Min > 0 {
		low = a.Min
	}
	for _, v := range values {
		if finite(v) && v > tiniest {
			v = min(v, hugest)
			low, high = min(low, v), max(high, v)
		}
	}
	if high <= 0 {
		low, high = 1, 10
	}
	a.Min = math.Pow(10, math.Floor(math.Log10(min(low, high))+1e-9))
	a.Max = math.Pow(10, math.Ceil(math.Log10(high)-1e-9))
	if a.Max <= a.Min {
		a.Max = 10 * a.Min
	}
}

const (
	// mostTicks is more than any axis needs; it bounds what numbers at the ends of their range cost.
	mostTicks = 12
	// tiniest and hugest are where rounding to steps ends to make sense, and nearly to work.
	tiniest, hugest = 1e-290, 1e290
)

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// ticks are round values along the axis.
func (a *Axis) ticks() (ticks []float64) {
	switch {
	case a.Tail:
		for _, v := range []float64{0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999} {
			if v >= a.Min && v <= a.Max {
				ticks = append(ticks, v)
			}
		}
		return ticks
	case a.Log:
		return a.logTicks()
	}
	step := niceStep(a.Max/5 - a.Min/5)
	for i := math.Ceil(a.Min/step - 1e-9); i*step <= a.Max+step*1e-9 && len(ticks) < mostTicks; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// logTicks are powers of ten, with 2 and 5 between them where there is room.
func (a *Axis) logTicks() (ticks []float64) {
	decades := int(math.Round(math.Log10(a.Max) - math.Log10(a.Min)))
	every := 1 + decades/9
	for i := 0; i <= decades; i += every {
		v := a.Min * math.Pow(10, float64(i))
		ticks = append(ticks, v)
		if decades == 1 && i == 0 {
			ticks = append(ticks, 2*v, 5*v)
		}
	}
	return ticks
}

// niceStep is 1, 2 or 5 times a power of ten, at least v.
func niceStep(v float64) float64 {
	if v < tiniest {
		return tiniest
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*0.999 {
			return m * power
		}
	}
	return 10 * power
}

func (a *Axis) format(v float64) string {
	if a.Tail {
		return strconv.FormatFloat(v*100, 'g', 8, 64) + " %"
	}
	return number(v)
}

// number is short and readable: 12000 is 12k.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case abs >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	case abs < 1e-9:
		return "0"
	default:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
}
