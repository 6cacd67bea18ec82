package main

import (
	"fmt"
	"net/http"
	"time"
)

// Idle is one client with one connection: what the gateway adds to a request that
// meets nobody.
type Idle struct {
	// AddedP50 is Sluice less the ceiling and a raw run of one row.
	AddedP50 float64 `json:"added_p50_us"`
	// The rest are medians of the turns' quantiles, from the writing of a request to its answer.
	SluiceP50   float64     `json:"sluice_p50_us"`
	CeilingP50  float64     `json:"ceiling_p50_us"`
	RawP50      float64     `json:"raw_p50_us"`
	SluiceP99   float64     `json:"sluice_p99_us"`
	CeilingP99  float64     `json:"ceiling_p99_us"`
	SluiceRuns  []closedRun `json:"sluice_runs"`
	CeilingRuns []closedRun `json:"ceiling_runs"`
}

func (b *bench) idle() error {
	rows, err := b.sweep("mlp")
	if err != nil {
		return err
	}
	gateway, limit, err := b.duel("mlp", binaryKind)
	if err != nil {
		return err
	}
	defer limit.stop()
	core, back, err := together(gateway.pid, limit.pid)
	if err != nil {
		return err
	}
	defer back()
	out := &Idle{RawP50: rows.Points[0].P50}
	var gateways, ceilings []span
	for range pick(b, 12, 3) {
		for _, side := range []struct {
			aim
			spans *[]span
			runs  *[]closedRun
		}{{limit, &ceilings, &out.CeilingRuns}, {gateway.aim, &gateways, &out.SluiceRuns}} {
			s, run, err := b.single(side.aim, core)
			if err != nil {
				return err
			}
			*side.spans, *side.runs = append(*side.spans, s), append(*side.runs, run)
		}
	}
	p50, p99 := func(s span) float64 { return s.p50 }, func(s span) float64 { return s.p99 }
	out.SluiceP50, out.CeilingP50 = round(medianOf(gateways, p50), 1), round(medianOf(ceilings, p50), 1)
	out.SluiceP99, out.CeilingP99 = round(medianOf(gateways, p99), 1), round(medianOf(ceilings, p99), 1)
	out.AddedP50 = round(out.SluiceP50-out.CeilingP50-out.RawP50, 1)
	b.result.Idle = out
	return nil
}

// span is two quantiles in microseconds.
type span struct{ p50, p99 float64 }

// single is a client with one connection that asks, waits and asks again, on the servers' core.
func (b *bench) single(to aim, core int) (span, closedRun, error) {
	r, err := b.closedLoop(to, 1, 100*time.Millisecond, 600*time.Millisecond, pin(core)...)
	if err != nil {
		return span{}, closedRun{}, err
	}
	n := answered(r)
	if good := r.Ledger.Status[fmt.Sprint(http.StatusOK)]; good < n {
		return span{}, closedRun{}, fmt.Errorf("%s refused %d of %d requests of a single client", to.name, n-good, n)
	}
	service := span{1e3 * ms(&r.Service, 0.5), 1e3 * ms(&r.Service, 0.99)}
	return service, closedRun{
		PerSecond: round(float64(n)/r.Load.Duration, 0), P99: ms(&r.Response, 0.99), Checked: int(r.Verify.Checked), Validity: r.Validity,
	}, nil
}
