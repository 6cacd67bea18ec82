package search

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestMD1AgainstErlang compares the stable form with Erlang's alternating sum, calculated with
// 400 bits so that its cancellation does no harm.
func TestMD1AgainstErlang(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load := rapid.Float64Range(0.01, 0.97).Draw(t, "load")
		x := rapid.Float64Range(0, 60).Draw(t, "x")
		if got, want := newMD1(load).waits(x), erlang(load, x); math.Abs(got-want) > 1e-12 {
			t.Errorf("load %g, wait %g: %.15f, Erlang's sum says %.15f", load, x, got, want)
		}
	})
}

// erlang is P(W <= x) = (1-rho) sum over k <= x of (-y)^k/k! e^y with y = rho (x-k).
func erlang(load, x float64) float64 {
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(v) }
	sum := f(0)
	for k := 0; k <= int(x); k++ {
		y := f(x - float64(k))
		y.Mul(y, f(load))
		term := f(1)
		for i := 1; i <= k; i++ {
			term.Mul(term, y)
			term.Quo(term, f(float64(i)))
		}
		if k%2 == 1 {
			term.Neg(term)
		}
		exp, power := f(1), f(1)
		for i := 1; i < 400; i++ {
			power.Mul(power, y)
			power.Quo(power, f(float64(i)))
			exp.Add(exp, power)
		}
		sum.Add(sum, term.Mul(term, exp))
	}
	got, _ := sum.Mul(sum, f(1-load)).Float64()
	return got
}

// TestMD1AgainstSimulation holds the theory to a queue that is simulated one request after the other.
func TestMD1AgainstSimulation(t *testing.T) {
	for _, load := range []float64{0.3, 0.7, 0.95} {
		rng := rand.New(rand.NewPCG(7, uint64(load*100)))
		const n = 2_000_000
		responses := make([]float64, n)
		var wait float64
		for i := range responses {
			responses[i] = wait + 1
			wait = max(0, wait+1-rng.ExpFloat64()/load)
		}
		slices.Sort(responses)
		for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
			got := md1Quantile(load, time.Second, q).Seconds()
			// Long queues are few and long: there the simulation itself is off by some per cent.
			want, tolerance := responses[int(q*n)], 0.01
			switch {
			case load > 0.9 && q > 0.99:
				continue
			case load > 0.8:
				tolerance = 0.08
			}
			if math.Abs(got/want-1) > tolerance {
				t.Errorf("load %g q %g: theory says %.4f services, simulation %.4f", load, q, got, want)
			}
		}
	}
}

func TestMD1Edges(t *testing.T) {
	f := func(rho float64, q float64, want time.Duration) {
		t.Helper()
		if got := md1Quantile(rho, time.Millisecond, q); got != want {
			t.Errorf("load %g, q %g: %v, want %v", rho, q, got, want)
		}
	}
	f(0, 0.99, time.Millisecond)
	f(0.5, 0.5, time.Millisecond) // half of the requests do not wait
	f(1, 0.5, math.MaxInt64)
	f(math.NaN(), 0.5, math.MaxInt64)
	f(0.5, 1, math.MaxInt64)
	if got := MD1Capacity(2*time.Millisecond, time.Millisecond, 0.99); got != 0 {
		t.Errorf("a service longer than the limit has a capacity of %g", got)
	}
}

// TestMD1CapacityInverts: at the capacity the quantile is the limit.
func TestMD1CapacityInverts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := time.Duration(rapid.IntRange(10_000, 10_000_000).Draw(t, "service"))
		q := rapid.SampledFrom([]float64{0.5, 0.9, 0.99, 0.999}).Draw(t, "q")
		limit := time.Duration(float64(service) * rapid.Float64Range(1.5, 60).Draw(t, "limit"))
		capacity := MD1Capacity(service, limit, q)
		got := md1Quantile(capacity*service.Seconds(), service, q)
		if off := float64(got-limit) / float64(limit); off > 1e-3 || off < -0.01 && q > capacity*service.Seconds() {
			t.Errorf("service %v, limit %v, q %g: capacity %g, where the quantile is %v", service, limit, q, capacity, got)
		}
	})
}

// md1Quantile is the response time (wait and service) that a part q of the requests stays
// within, for Poisson arrivals at a load rho (arrival rate times service time) and a fixed
// service time. It is accurate to a millionth of a service up to a load of at least 0.95. For a
// rho of 1 or more, or a q of 1 or more, there is none, and the longest duration is returned.
func md1Quantile(rho float64, service time.Duration, q float64) time.Duration {
	if !(rho < 1) || !(q < 1) {
		return math.MaxInt64
	}
	if rho <= 0 || q <= 1-rho {
		return service
	}
	m := newMD1(rho)
	hi := 1.0
	for m.waits(hi) < q {
		hi *= 2
	}
	lo := 0.0
	for hi-lo > 1e-6 {
		if mid := (lo + hi) / 2; m.waits(mid) < q {
			lo = mid
		} else {
			hi = mid
		}
	}
	return service + time.Duration(hi*float64(service))
}
