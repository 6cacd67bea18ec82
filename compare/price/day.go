package price

import (
	"fmt"
	"math"
	"slices"
)

// hours is how many a day has.
const hours = 24

// Day is a load: the rate in each hour of a day, in rows/s.
type Day [hours]float64

// Steady is a day of one rate.
func Steady(rate float64) Day {
	var d Day
	for h := range d {
		d[h] = rate
	}
	return d
}

// Sine is a day whose rate swings around a mean and is highest at 18:00 and lowest at 6:00. Each hour has the rate of its
// beginning, so the day has the mean and the peak that are given.
func Sine(mean, peak float64) (Day, error) {
	if !(mean > 0 && peak >= mean && peak <= 2*mean) {
		return Day{}, fmt.Errorf("a day with mean %v and peak %v: the peak must be from the mean to twice the mean, or the lowest rate is below 0", mean, peak)
	}
	var d Day
	for h := range d {
		d[h] = max(0, mean+(peak-mean)*math.Cos(2*math.Pi*float64(h-18)/hours))
	}
	return d, nil
}

func (d Day) validate() error {
	for h, rate := range d {
		if !(rate >= 0 && rate <= maxRate) {
			return fmt.Errorf("hour %d of the day has %v rows/s: a rate must be from 0 to %g", h, rate, maxRate)
		}
	}
	if d.Peak() < minRate {
		return fmt.Errorf("the busiest hour of the day has %v rows/s: it must have %g or more", d.Peak(), minRate)
	}
	return nil
}

// Peak is the highest rate.
func (d Day) Peak() float64 { return slices.Max(d[:]) }

// Mean is the rate of all rows spread over the day.
func (d Day) Mean() float64 {
	sum := 0.0
	for _, rate := range d {
		sum += rate
	}
	return sum / hours
}

// steady tells whether all hours are the same.
func (d Day) steady() bool { return slices.Min(d[:]) == d.Peak() }

// level is a rate and for how many hours of a day it holds.
type level struct{ rate, hours float64 }

// levels are the day's different rates.
func (d Day) levels() []level {
	slices.Sort(d[:])
	var l []level
	for _, rate := range d {
		if n := len(l); n > 0 && l[n-1].rate == rate {
			l[n-1].hours++
		} else {
			l = append(l, level{rate, 1})
		}
	}
	return l
}
