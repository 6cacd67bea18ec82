package plan

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/plan/sim"
)

// ParseFleet reads groups separated by commas, KIND=COUNT or KIND=COUNTxLANES, in order of
// preference: gpu=2,cpu=1x4 is two GPUs and a CPU that runs four batches at once.
func ParseFleet(text string) ([]Group, error) {
	var groups []Group
	for _, part := range strings.Split(text, ",") {
		kind, number, ok := strings.Cut(strings.TrimSpace(part), "=")
		count, lanes, many := strings.Cut(number, "x")
		g := Group{Kind: kind}
		var err error
		if g.Count, err = strconv.Atoi(count); err == nil && many {
			g.Lanes, err = strconv.Atoi(lanes)
		}
		if !ok || kind == "" || err != nil || g.Count < 0 || many && g.Lanes < 1 {
			return nil, fmt.Errorf("cannot read %q in the fleet %q: use KIND=COUNT or KIND=COUNTxLANES, such as gpu=2,cpu=1x4", part, text)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// ParseFactor reads a factor such as 5x or 0.5.
func ParseFactor(text string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(f >= 0.001 && f <= 1e6) {
		return 0, fmt.Errorf("%q is not a factor from 0.001 to a million, such as 5x", text)
	}
	return f, nil
}

// ParseFactors reads factors separated by commas.
func ParseFactors(text string) ([]float64, error) {
	var all []float64
	for _, part := range strings.Split(text, ",") {
		f, err := ParseFactor(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// ParseNoise reads what makes runs of one size differ: sigma of the logarithm of the
// latency, and a part of the runs that take some times as long. none is neither.
//
//	sigma=0.02,hiccups=0.001x2
func ParseNoise(text string) (sim.Noise, error) {
	var n sim.Noise
	if text == "none" {
		return n, nil
	}
	for _, part := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		var err error
		switch key {
		case "sigma":
			n.Sigma, err = strconv.ParseFloat(value, 64)
		case "hiccups":
			share, times, _ := strings.Cut(value, "x")
			if n.HiccupShare, err = strconv.ParseFloat(share, 64); err == nil {
				n.HiccupTimes, err = strconv.ParseFloat(times, 64)
			}
		default:
			err = strconv.ErrSyntax
		}
		if err != nil || !(n.Sigma >= 0 && n.Sigma <= 3) || !(n.HiccupShare >= 0 && n.HiccupShare <= 1) || !(n.HiccupTimes >= 0 && n.HiccupTimes <= 1e6) {
			return sim.Noise{}, fmt.Errorf("cannot read the noise %q: use none, or sigma=0.02,hiccups=0.001x2", text)
		}
	}
	return n, nil
}
