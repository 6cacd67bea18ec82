package main

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// openResult is what the generator prints.
type openResult struct {
	Offered   float64 `json:"offered_per_s"`
	Good      float64 `json:"good_per_s"` // 200 within the budget
	P50       float64 `json:"p50_ms"`     // of 200s
	P99       float64 `json:"p99_ms"`
	ShedP50   float64 `json:"shed_p50_ms"` // of 429s
	ShedP99   float64 `json:"shed_p99_ms"`
	LagP99    float64 `json:"lag_p99_us"` // noticed after the intended instant: the generator's own fault
	CPU       float64 `json:"cpu_us_per_request"`
	Requests  int     `json:"requests"`
	Lost      int     `json:"lost"` // never answered
	Reopened  int     `json:"reopened"`
	LateOKs   int     `json:"late_oks"`
	ServerCPU float64 `json:"server_cpu_us_per_request"` // filled in by the caller

	Status map[string]int `json:"status"`
}

// result sums up a run of which length counted, after a warm-up.
func (g *generator) result(length, warm, cpu time.Duration) openResult {
	for _, intended := range g.backlog[g.at:] { // never sent: no connection came free
		if intended >= g.first {
			g.lost++
		}
	}
	r := openResult{
		Offered: round(float64(g.counted)/length.Seconds(), 1), Good: round(float64(g.good)/length.Seconds(), 1),
		Requests: g.counted, Lost: g.lost + g.inFlight, Reopened: g.reopens, LateOKs: g.lateOKs, Status: map[string]int{},
	}
	for status, took := range g.took {
		slices.Sort(took)
		r.Status[strconv.Itoa(status)] = len(took)
	}
	r.P50, r.P99 = round(quantile(g.took[http.StatusOK], 0.5), 3), round(quantile(g.took[http.StatusOK], 0.99), 3)
	shed := g.took[http.StatusTooManyRequests]
	r.ShedP50, r.ShedP99 = round(quantile(shed, 0.5), 3), round(quantile(shed, 0.99), 3)
	slices.Sort(g.lag)
	r.LagP99 = round(quantile(g.lag, 0.99), 1)
	// The CPU time is of the warm-up too, at the same rate.
	r.CPU = round(micros(cpu)/(float64(g.counted)*(length+warm).Seconds()/length.Seconds()), 2)
	return r
}
