package load

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// suggest finds the load expression that resembles a trace the most. It looks for a shape
// first (a day's swing, a trend, bursts) and names plain arrivals only where there is none.
func (d *Description) suggest(at []time.Duration) {
	switch {
	case len(at) < 20 || d.Length == 0:
		d.Why = "there are too few arrivals to say how they come"
	case d.CV < 0.3:
		d.say(fmt.Sprintf("constant:%s", short(d.Mean)), "the gaps vary by %.0f %% only", 100*d.CV)
	case d.suggestSine() || d.suggestRamp(at) || d.suggestBurst(at):
	case d.KS <= d.Critical:
		d.say("poisson:"+short(d.Mean), "the gaps are exponential (KS distance %.4f, critical %.4f)", d.KS, d.Critical)
	default:
		d.say("poisson:"+short(d.Mean), "no simple shape was found; the gaps are not exponential (KS distance %.4f, critical %.4f), so replay the trace itself where that matters", d.KS, d.Critical)
	}
}

func (d *Description) say(suggestion, why string, args ...any) {
	d.Suggestion, d.Why = suggestion, fmt.Sprintf(why, args...)
}

// short is a rate to three digits, as an expression takes it.
func short(rate float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 3, 64), 64)
	return strconv.FormatFloat(min(max(rounded, leastRate), MaxRate), 'f', -1, 64)
}

// suggestSine tries a swing over a day: the first harmonic of an hourly profile.
func (d *Description) suggestSine() bool {
	n := len(d.Profile) - len(d.Profile)%24 // whole days
	if d.ProfileStep != 3600 || n == 0 {
		return false
	}
	var mean, a, b float64
	for _, rate := range d.Profile[:n] {
		mean += rate / float64(n)
	}
	for i, rate := range d.Profile[:n] {
		sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.5) / 24)
		a += 2 * (rate - mean) * sin / float64(n)
		b += 2 * (rate - mean) * cos / float64(n)
	}
	missed, all := 0.0, 0.0
	for i, rate := range d.Profile[:n] {
		sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.5) / 24)
		missed += square(rate - mean - a*sin - b*cos)
		all += square(rate - mean)
	}
	amp := min(math.Hypot(a, b), mean)
	if all == 0 || 1-missed/all < 0.7 || amp < 0.1*mean {
		return false
	}
	d.say(fmt.Sprintf("sine:mean=%s,amp=%s,period=24h", short(mean), short(min(amp, roundDown(mean)))),
		"a swing over the day explains %.0f %% of what the hourly rate varies; the expression begins at the mean, whatever hour the trace begins at", 100*(1-missed/all))
	return true
}

// roundDown is below what short makes of a rate, so that an amplitude does not come out above its mean.
func roundDown(rate float64) float64 { return 0.99 * rate }

func square(v float64) float64 { return v * v }

// suggestRamp tries a straight trend, over equal parts of the trace.
func (d *Description) suggestRamp(at []time.Duration) bool {
	const parts, middle = 16, float64(16-1) / 2
	width := at[len(at)-1] / parts
	if d.Folded || width < leastPiece {
		return false
	}
	var rates [parts]float64
	counts(at, width, parts, func(i int, n float64) { rates[i] = n / width.Seconds() })
	var mean, slope, spread, all float64
	for _, rate := range rates {
		mean += rate / parts
	}
	for i, rate := range rates {
		slope += (float64(i) - middle) * (rate - mean)
		spread += square(float64(i) - middle)
		all += square(rate - mean)
	}
	slope /= spread
	explained := square(slope) * spread
	from, to := mean-slope*parts/2, mean+slope*parts/2
	if all == 0 || explained/all < 0.8 || math.Abs(to-from) < 0.3*mean {
		return false
	}
	length := time.Duration(d.Length * float64(time.Second)).Round(leastPiece)
	d.say(fmt.Sprintf("ramp:%s..%s@%v", short(from), short(to), length),
		"a straight trend explains %.0f %% of what the rate varies", 100*explained/all)
	return true
}

// suggestBurst tries a peak that comes back: windows that hold far more than the mean.
func (d *Description) suggestBurst(at []time.Duration) bool {
	const significant = 2 // dispersion from which on there is more than chance and a little unevenness
	most := 0.0
	for _, w := range d.Dispersion {
		most = max(most, w.Index)
	}
	if most < significant {
		return false
	}
	// A window in which some ten arrivals are expected tells a peak from chance.
	window := 10 * time.Millisecond
	for window < 10*time.Second && window.Seconds()*d.Mean < 10 {
		window *= 2
	}
	n := int(at[len(at)-1] / window)
	if n < 20 {
		return false
	}
	expected := window.Seconds() * d.Mean
	limit := expected + 3*math.Sqrt(expected)
	var on, runs, peak int
	last := -2
	counts(at, window, n, func(i int, k float64) {
		if k <= limit {
			return
		}
		if i != last+1 {
			runs++
		}
		last = i
		on++
		peak += int(k)
	})
	if runs < 3 || on > n/2 {
		return false
	}
	length := (time.Duration(on) * window / time.Duration(runs)).Round(leastPiece)
	every := (time.Duration(n) * window / time.Duration(runs)).Round(leastPiece)
	high := float64(peak) / (float64(on) * window.Seconds())
	base := max(0, float64(len(at)-peak)/(float64(n-on)*window.Seconds()))
	if length >= every || high < 1.5*base {
		return false
	}
	d.say(fmt.Sprintf("burst:base=%s,peak=%s,on=%v,every=%v", short(base), short(high), length, every),
		"%d bursts hold %.0f %% of the arrivals in %.0f %% of the time", runs, 100*float64(peak)/float64(len(at)), 100*float64(on)/float64(n))
	return true
}
