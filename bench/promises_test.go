package main

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"sluice/internal/trace"
	"sluice/internal/traffic"
	"sluice/loadtest/load"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// A drawn mix has its rate, burstiness and equal shares, and the load tester reads what is written.
func TestDrawMix(t *testing.T) {
	for _, cv := range []float64{1, 3} {
		all := drawMix("m", 2000, cv, 20*time.Second, 1)
		if n := float64(len(all)); n < 36_000 || n > 44_000 {
			t.Errorf("CV %g: %g arrivals, want some 40,000", cv, n)
		}
		kinds := map[[2]int]int{}
		var sum, squares float64
		for i := range all[1:] {
			gap := (all[i+1].At - all[i].At).Seconds()
			sum, squares = sum+gap, squares+gap*gap
			kinds[[2]int{int(all[i].Budget / time.Millisecond), all[i].Rows}]++
		}
		n := float64(len(all) - 1)
		if got := math.Sqrt(squares/n-sum*sum/n/n) / (sum / n); math.Abs(got/cv-1) > 0.1 {
			t.Errorf("the gaps' coefficient of variation is %g, want %g", got, cv)
		}
		for k, c := range kinds {
			if share := float64(c) / n * float64(len(promised)*len(promisedRows)); math.Abs(share-1) > 0.1 {
				t.Errorf("CV %g: %v is %.2f of its share", cv, k, share)
			}
		}
		path := filepath.Join(t.TempDir(), "mix.jsonl")
		if err := writeTrace(path, all); err != nil {
			t.Fatal(err)
		}
		l, err := traffic.Parse("trace:" + path)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := load.Draw(l, load.Options{Models: []string{"m"}}); err != nil || len(s.Arrivals) != len(all) || len(s.Kinds) != len(kinds) {
			t.Errorf("the trace is read as %v, %v", s, err)
		}
	}
}

func TestSumUp(t *testing.T) {
	ms := time.Millisecond
	var arrivals []trace.Arrival
	var samples []sample.Sample
	add := func(at, took time.Duration, status uint16, o sample.Outcome) {
		arrivals = append(arrivals, trace.Arrival{At: at, Rows: 4, Budget: 20 * ms})
		samples = append(samples, sample.Sample{Intended: at, Last: at + took, Status: status, Outcome: o})
	}
	add(0, ms, 200, sample.OK) // of the warm-up
	add(10*ms, 5*ms, 200, sample.OK)
	add(11*ms, 22*ms, 200, sample.OK)
	add(12*ms, 20*ms, 504, sample.ServerError)
	add(13*ms, 2*ms, 429, sample.Rejected)
	add(14*ms, 3*ms, 504, sample.Rejected) // its budget was too short for any run
	add(15*ms, 0, 0, sample.Lost)
	out := sumUp(result.Validity{}, arrivals, samples, 5*ms)
	for _, k := range out.Kinds {
		want := kindCounts{}
		if k.Budget == 20 && k.Rows == 4 {
			want = kindCounts{Sent: 6, Good: 2, Refused: 2, Expired: 1, Late: 1, Lost: 1}
		}
		if k.kindCounts != want {
			t.Errorf("%g ms, %d rows: %+v, want %+v", k.Budget, k.Rows, k.kindCounts, want)
		}
	}
	if out.RefusedP50 != 2 || out.RefusedP99 != 3 {
		t.Errorf("refusals took %g and %g ms, want 2 and 3", out.RefusedP50, out.RefusedP99)
	}
}

func TestNativeBuckets(t *testing.T) {
	offset := func(of int32, n uint32) *dto.BucketSpan { return &dto.BucketSpan{Offset: &of, Length: &n} }
	is, was := buckets{}, buckets{}
	was.add(&dto.Histogram{PositiveSpan: []*dto.BucketSpan{offset(0, 1)}, PositiveDelta: []int64{10}})
	// 10 more at index 0, 20 at 1, 10 at 4.
	is.add(&dto.Histogram{PositiveSpan: []*dto.BucketSpan{offset(0, 2), offset(2, 1)}, PositiveDelta: []int64{20, 0, -10}})
	if got := is.upTo(was, 0); got != 0.25 {
		t.Errorf("%g are at most 1, want a quarter", got)
	}
	if got, want := is.quantile(was, 0.5), math.Exp2(0.5/8); math.Abs(got-want) > 1e-9 {
		t.Errorf("the median is %g, want %g", got, want)
	}
	if got := is.quantile(was, 1); math.Abs(got-math.Exp2(0.5)) > 1e-9 {
		t.Errorf("the largest is %g, want at most %g", got, math.Exp2(0.5))
	}
}
