package search

import (
	"math"
	"time"
)

// md1 computes the latency of a single server with a fixed service time and Poisson arrivals.
//
// The well-known sum of Erlang and Crommelin for the waiting time has terms of alternating
// sign that outgrow the result: it is useless from a load of about 0.7 or a wait of some dozen
// services. Here every term is positive, so that no digits are lost at any load below 1:
//
//   - how many requests are in the system, from the balance of crossings of each level: per
//     service as many steps lead from j+1 down to j as lead from j or less to above j;
//   - from that the waiting time (G. J. Franx, A simple solution for the M/D/c waiting time
//     distribution, Operations Research Letters 29, 2001). With k the first whole number of
//     services above x, and u = k - x: a request waits at most x if those that it finds, which
//     are those that were there u earlier and those that came since, are at most k, of which
//     the k services from u earlier on are rid when it starts.
//
// Times are in services, so that the load is the arrival rate as well.
type md1 struct {
	load float64
	// within[n] is the chance that at most n are in the system; level[n] that exactly n are.
	within, level []float64
	// up[k] is the chance of more than k arrivals in a service.
	up []float64
}

func newMD1(load float64) *md1 {
	return &md1{load: load, within: []float64{1 - load}, level: []float64{1 - load}}
}

// inSystem is the chance that at most n are in the system.
func (m *md1) inSystem(n int) float64 {
	for j := len(m.level) - 1; j < n; j++ {
		m.up = append(m.up, moreThan(j, m.load))
		crossings := m.level[0] * m.up[j]
		for i := 1; i <= j; i++ {
			crossings += m.level[i] * m.up[j-i+1]
		}
		next := crossings / math.Exp(-m.load)
		m.level = append(m.level, next)
		m.within = append(m.within, min(m.within[j]+next, 1))
	}
	return m.within[n]
}

// waits is the chance of a wait of at most x services.
func (m *md1) waits(x float64) float64 {
	k := math.Floor(x) + 1
	mean := m.load * (k - x)
	var sum float64
	term := math.Exp(-mean)
	for j := range int(k) {
		sum += term * m.inSystem(int(k)-j)
		term *= mean / float64(j+1)
	}
	return min(sum, 1)
}

// moreThan is the chance of more than k arrivals in a service, k at least 0 and load below 1.
func moreThan(k int, load float64) float64 {
	lg, _ := math.Lgamma(float64(k) + 2)
	term := math.Exp(float64(k+1)*math.Log(load) - load - lg)
	var sum float64
	for i := k + 2; term > sum*1e-17; i++ {
		sum += term
		term *= load / float64(i)
	}
	return sum
}

// MD1Capacity is the highest rate per second at which a part q of the requests is answered
// within limit by a server with a fixed service time; 0 if the service alone takes longer.
func MD1Capacity(service, limit time.Duration, q float64) float64 {
	if limit < service || !(q < 1) {
		return 0
	}
	wait := float64(limit-service) / float64(service)
	lo, hi := 0.0, 1.0
	for hi-lo > 1e-7 {
		if rho := (lo + hi) / 2; newMD1(rho).waits(wait) >= q {
			lo = rho
		} else {
			hi = rho
		}
	}
	return lo / service.Seconds()
}
