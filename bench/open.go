package main

import (
	"fmt"
	"time"
)

// openRun loads a server at a rate and relates its CPU time to the requests.
func (b *bench) openRun(p *process, r request, rate float64, connections int, length, budget time.Duration) (openResult, error) {
	var out openResult
	file, err := b.save(r, p.addr)
	if err != nil {
		return out, err
	}
	b.seed++
	before := p.cpu()
	err = b.measure(&out, "openload", "-addr", p.addr, "-request", file, "-rate", fmt.Sprint(rate),
		"-conns", fmt.Sprint(connections), "-length", length.String(), "-warm", warmUp.String(),
		"-budget", budget.String(), "-seed", fmt.Sprint(b.seed))
	if err != nil {
		return out, err
	}
	out.ServerCPU = round(micros(p.cpu()-before)/(float64(out.Requests)*(length+warmUp).Seconds()/length.Seconds()), 2)
	return out, nil
}

const warmUp = time.Second

// Half is an open loop at half of what the gateway can do: how much slower it answers than
// the ceiling at that same rate.
type Half struct {
	AddedP99 float64    `json:"added_p99_ms"`
	Rate     float64    `json:"rate_per_s"`
	Sluice   openResult `json:"sluice"`
	Ceiling  openResult `json:"ceiling"`
}

func (b *bench) half() error {
	gateway, err := b.sluice("mlp")
	if err != nil {
		return err
	}
	r := binaryRequest("mlp")
	capacity := 0.0
	if b.result.Binary != nil {
		capacity = b.result.Binary.At[0].Sluice.PerSecond
	} else {
		run, err := b.wrk(gateway, r, 64, 2*time.Second)
		if err != nil {
			return err
		}
		capacity = run.PerSecond
	}
	limit, err := b.ceilingFor(r, gateway)
	if err != nil {
		return err
	}
	defer limit.stop()
	out := &Half{Rate: round(capacity/2, 0)}
	var gateways, ceilings []openResult
	for range b.repeats() {
		for _, side := range []struct {
			p    *process
			runs *[]openResult
		}{{limit, &ceilings}, {gateway, &gateways}} {
			run, err := b.openRun(side.p, r, out.Rate, 256, b.pick(5*time.Second, 3*time.Second), time.Second)
			if err != nil {
				return err
			}
			*side.runs = append(*side.runs, run)
		}
	}
	p99 := func(r openResult) float64 { return r.P99 }
	out.Sluice, out.Ceiling = middle(gateways, p99), middle(ceilings, p99)
	out.AddedP99 = round(out.Sluice.P99-out.Ceiling.P99, 3)
	b.result.Half = out
	return nil
}

// middle is the run with the median of a figure.
func middle[T any](runs []T, figure func(T) float64) T {
	want := medianOf(runs, figure)
	best := runs[0]
	for _, r := range runs {
		if abs(figure(r)-want) < abs(figure(best)-want) {
			best = r
		}
	}
	return best
}

func abs(v float64) float64 { return max(v, -v) }
