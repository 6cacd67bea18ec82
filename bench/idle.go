package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"sluice/internal/clock"
)

// Idle is one client with one connection: what the gateway adds to a request that
// meets nobody.
type Idle struct {
	// AddedP50 is Sluice less the ceiling and a raw run of one row.
	AddedP50   float64 `json:"added_p50_us"`
	SluiceP50  float64 `json:"sluice_p50_us"`
	CeilingP50 float64 `json:"ceiling_p50_us"`
	RawP50     float64 `json:"raw_p50_us"`
	SluiceP99  float64 `json:"sluice_p99_us"`
	CeilingP99 float64 `json:"ceiling_p99_us"`
}

func (b *bench) idle() error {
	rows, err := b.sweep("mlp")
	if err != nil {
		return err
	}
	gateway, err := b.sluice("mlp")
	if err != nil {
		return err
	}
	r := binaryRequest("mlp")
	limit, err := b.ceilingFor(r, gateway)
	if err != nil {
		return err
	}
	defer limit.stop()
	back, err := together(gateway.cmd.Process.Pid, limit.cmd.Process.Pid)
	if err != nil {
		return err
	}
	defer back()
	gateways, ceilings, err := b.alternate(r, gateway.addr, limit.addr)
	if err != nil {
		return err
	}
	b.result.Idle = &Idle{
		SluiceP50: round(quantile(gateways, 0.5), 1), CeilingP50: round(quantile(ceilings, 0.5), 1), RawP50: rows.Points[0].P50,
		SluiceP99: round(quantile(gateways, 0.99), 1), CeilingP99: round(quantile(ceilings, 0.99), 1),
	}
	b.result.Idle.AddedP50 = round(b.result.Idle.SluiceP50-b.result.Idle.CeilingP50-b.result.Idle.RawP50, 1)
	return nil
}

// alternate asks two servers in turns, some hundred requests at a time, and returns their
// latencies in microseconds, sorted.
func (b *bench) alternate(r request, first, second string) (a, z []float64, err error) {
	const block, warm = 500, 50
	ends := []struct {
		addr string
		took *[]float64
	}{{first, &a}, {second, &z}}
	conns := make([]*socket, len(ends))
	for i, e := range ends {
		if conns[i], err = dialBlocking(e.addr); err != nil {
			return nil, nil, err
		}
		defer conns[i].close()
	}
	for end := time.Now().Add(b.pick(10*time.Second, 3*time.Second)); time.Now().Before(end); {
		for i, e := range ends {
			wire := r.wire(e.addr)
			for n := range block {
				sent := clock.Now()
				got, err := conns[i].exchange(wire)
				if err != nil {
					return nil, nil, fmt.Errorf("cannot ask %s: %w", e.addr, err)
				}
				if got.status != http.StatusOK {
					return nil, nil, fmt.Errorf("%s answered %d", e.addr, got.status)
				}
				if n >= warm { // the other server has had the caches until now
					*e.took = append(*e.took, micros(clock.Now().Sub(sent)))
				}
			}
		}
	}
	slices.Sort(a)
	slices.Sort(z)
	return a, z, nil
}
