package stub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Delay is a distribution of times. The zero value is no delay.
type Delay struct {
	// Mean is of an exponential distribution, if it is above 0.
	Mean time.Duration
	// Low and High are the ends of a uniform distribution; if they are the same, that is the delay.
	Low, High time.Duration
	// Parts are times with their percentages; the rest has none.
	Parts []Part
}

// Part is a time and the percentage of requests that it is of.
type Part struct {
	Delay   time.Duration
	Percent float64
}

func (d *Delay) draw(rng *rand.Rand) time.Duration {
	switch {
	case d.Mean > 0:
		return time.Duration(rng.ExpFloat64() * float64(d.Mean))
	case len(d.Parts) > 0:
		p := 100 * rng.Float64()
		for _, part := range d.Parts {
			if p < part.Percent {
				return part.Delay
			}
			p -= part.Percent
		}
		return 0
	case d.High > d.Low:
		return d.Low + time.Duration(rng.Int64N(int64(d.High-d.Low)+1))
	}
	return d.Low
}

func (d *Delay) check() error {
	if d.Mean < 0 || d.Low < 0 || d.High < d.Low {
		return fmt.Errorf("the delay %+v has a negative time, or its ends the wrong way round", *d)
	}
	sum := 0.0
	for _, p := range d.Parts {
		if p.Delay < 0 || !(p.Percent >= 0) {
			return fmt.Errorf("the delay of %v for %g %% is not possible", p.Delay, p.Percent)
		}
		sum += p.Percent
	}
	if sum > 100 {
		return fmt.Errorf("the delays are of %g %% of the requests: use up to 100", sum)
	}
	return nil
}

func parseDelay(text string) (d Delay, err error) {
	switch kind, rest, _ := strings.Cut(text, ":"); kind {
	case "exp":
		d.Mean, err = parseTime(rest)
		return d, err
	case "uniform":
		low, high, _ := strings.Cut(rest, "-")
		if d.Low, err = time.ParseDuration(low); err == nil {
			d.High, err = time.ParseDuration(high)
		}
		if err != nil || d.Low < 0 || d.High <= d.Low || d.High > time.Hour {
			return d, errors.New("use two times, the shorter first, as in uniform:1ms-5ms")
		}
		return d, nil
	}
	if !strings.ContainsAny(text, ":,") {
		d.Low, err = parseTime(text)
		d.High = d.Low
		return d, err
	}
	for _, part := range strings.Split(text, ",") {
		length, percent, ok := strings.Cut(part, ":")
		var p Part
		if p.Delay, err = parseTime(length); err != nil {
			return d, err
		}
		if p.Percent, err = strconv.ParseFloat(percent, 64); err != nil || !ok {
			return d, fmt.Errorf("%q is not a time with its percentage, as in 150us:10", part)
		}
		d.Parts = append(d.Parts, p)
	}
	return d, nil
}
