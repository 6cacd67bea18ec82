package price

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func cpu() Device {
	return Device{Name: "cpu", RowsPerSecond: 400, PricePerHour: 0.357, Currency: "USD"}
}

func gpu() Device {
	return Device{Name: "cuda:0", RowsPerSecond: 4000, PricePerHour: 0.805, Currency: "USD"}
}

// The figures are worked out by hand from the formula.
func TestCostPerMillion(t *testing.T) {
	f := func(replicas int, rate float64, wantCPU, wantGPU string) {
		t.Helper()
		fleet := Fleet{0.6, replicas}
		if got := fmt.Sprintf("%.2f", fleet.CostPerMillion(cpu(), rate)); got != wantCPU {
			t.Errorf("%v rows/s, %d replicas or more: %s on the CPU, want %s", rate, replicas, got, wantCPU)
		}
		if got := fmt.Sprintf("%.2f", fleet.CostPerMillion(gpu(), rate)); got != wantGPU {
			t.Errorf("%v rows/s, %d replicas or more: %s on the GPU, want %s", rate, replicas, got, wantGPU)
		}
	}
	f(1, 100, "0.99", "2.24")
	f(1, 900, "0.44", "0.25")
	f(1, 6000, "0.41", "0.11")
	f(2, 100, "1.98", "4.47")
	f(2, 900, "0.44", "0.50")
	f(2, 6000, "0.41", "0.11")
}

// A GPU at 5 % of what it can do costs 20 times what it costs when it is never idle.
func TestIdleTimeIsBilled(t *testing.T) {
	fleet := DefaultFleet()
	if got := fleet.CostPerMillion(gpu(), 200) / gpu().FullLoadCost(); math.Abs(got-20) > 1e-9 {
		t.Errorf("it costs %v times as much, want 20", got)
	}
	if got := fleet.Idle(gpu(), 200); math.Abs(got-0.95) > 1e-12 {
		t.Errorf("it is idle %v of the time, want 0.95", got)
	}
	if got := fleet.DeviceSeconds(gpu(), 200); got != 5000 {
		t.Errorf("a million rows take %v device-seconds, want 5000", got)
	}
	if got := fleet.Needed(Device{Name: "x"}, 200); !math.IsInf(got, 1) {
		t.Errorf("a device that meets the objective at no rate takes %v replicas, want infinitely many", got)
	}
}

// A rate that is just so many replicas takes no more, whatever the rounding of the products; the next one takes one more.
func TestNeededAtTheSteps(t *testing.T) {
	for hundredths := 1; hundredths <= 100; hundredths++ {
		for throughput := 1; throughput <= 400; throughput += 3 {
			fleet, d := Fleet{float64(hundredths) / 100, 1}, Device{Name: "x", RowsPerSecond: float64(throughput)}
			for _, k := range []int{1, 2, 3, 7, 1000, 10_000} {
				rate := float64(hundredths*throughput*k) / 100
				if got, more := fleet.Needed(d, rate), fleet.Needed(d, rate*(1+1e-8)); got != float64(k) || more != float64(k+1) {
					t.Fatalf("headroom %v of %v rows/s: %v rows/s take %v replicas, a little more %v; want %d and %d", fleet.Headroom, d.RowsPerSecond, rate, got, more, k, k+1)
				}
			}
		}
	}
}

func TestSmoothBreakEven(t *testing.T) {
	f := func(fleet Fleet, a, b Device, want float64, ok bool) {
		t.Helper()
		for range 2 { // the order does not matter
			if got, gotOK := fleet.SmoothBreakEven(a, b); gotOK != ok || ok && math.Abs(got-want) > 0.1 {
				t.Errorf("%+v, %+v: %v, %v, want %v, %v", a, b, got, gotOK, want, ok)
			}
			a, b = b, a
		}
	}
	f(Fleet{0.6, 1}, cpu(), gpu(), 541.2, true)
	f(Fleet{0.6, 2}, cpu(), gpu(), 1082.4, true)
	slow, free, twin := gpu(), cpu(), cpu()
	slow.RowsPerSecond = 900 // 541.2 rows/s are more than 60 % of it
	f(Fleet{0.6, 1}, cpu(), slow, 0, false)
	free.PricePerHour = 0
	f(Fleet{0.6, 1}, free, gpu(), 0, false)
	twin.RowsPerSecond = 500
	f(Fleet{0.6, 1}, cpu(), twin, 240, true)
}

// What all replicas cost an hour never falls with the rate.
func TestCostOfAnHourNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet := Fleet{rapid.Float64Range(0.01, 1).Draw(t, "headroom"), rapid.IntRange(1, 5).Draw(t, "replicas")}
		d := Device{Name: "x", RowsPerSecond: rapid.Float64Range(0.1, 1e5).Draw(t, "throughput"), PricePerHour: rapid.Float64Range(0.01, 100).Draw(t, "price"), Currency: "USD"}
		low := rapid.Float64Range(0.1, 1e6).Draw(t, "low")
		high := low * rapid.Float64Range(1, 10).Draw(t, "factor")
		a, b := fleet.CostPerMillion(d, low)*low, fleet.CostPerMillion(d, high)*high
		if a > b*(1+1e-12) {
			t.Fatalf("an hour at %v rows/s costs more than one at %v: %v, %v", low, high, a, b)
		}
	})
}

func TestRefusals(t *testing.T) {
	f := func(change func(fleet *Fleet, day *Day, a, b *Device), want string) {
		t.Helper()
		fleet, day, a, b := DefaultFleet(), Steady(900), cpu(), gpu()
		change(&fleet, &day, &a, &b)
		if _, err := Compare(fleet, day, a, b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want %q", err, want)
		}
	}
	f(func(f *Fleet, _ *Day, _, _ *Device) { f.Headroom = 0 }, "headroom is 0: it must be from 0.01 to 1")
	f(func(f *Fleet, _ *Day, _, _ *Device) { f.Headroom = 1.5 }, "headroom is 1.5: it must be from 0.01 to 1")
	f(func(f *Fleet, _ *Day, _, _ *Device) { f.Headroom = math.NaN() }, "headroom is NaN")
	f(func(f *Fleet, _ *Day, _, _ *Device) { f.Replicas = 0 }, "replicas is 0: it must be from 1 to 1000")
	f(func(f *Fleet, _ *Day, _, _ *Device) { f.Replicas = 1001 }, "replicas is 1001")
	f(func(_ *Fleet, d *Day, _, _ *Device) { d[7] = -1 }, "hour 7 of the day has -1 rows/s: a rate must be from 0 to 1e+12")
	f(func(_ *Fleet, d *Day, _, _ *Device) { d[7] = math.NaN() }, "hour 7 of the day has NaN rows/s")
	f(func(_ *Fleet, d *Day, _, _ *Device) { *d = Day{} }, "the busiest hour of the day has 0 rows/s: it must have 1e-06 or more")
	f(func(_ *Fleet, d *Day, _, _ *Device) { d[7] = 3e6 }, "3e+06 rows/s take 12500 replicas of cpu: the limit is 10000; lower the rate, or raise headroom (0.6) or what a replica can do (400 rows/s)")
	f(func(_ *Fleet, _ *Day, a, _ *Device) { a.Name = "" }, `the device's name "" must have 1 to 64 bytes, all printable`)
	f(func(_ *Fleet, _ *Day, a, _ *Device) { a.Name = "a\nb" }, `the device's name "a\nb" must have`)
	f(func(_ *Fleet, _ *Day, a, _ *Device) { a.Name = strings.Repeat("a", 65) }, "must have 1 to 64 bytes")
	f(func(_ *Fleet, _ *Day, a, b *Device) { b.Name = a.Name }, "both devices are named cpu")
	f(func(_ *Fleet, _ *Day, a, _ *Device) { a.RowsPerSecond = math.Inf(1) }, "cpu: the rows per second are +Inf: they must be from 1e-06 to 1e+12, or 0 if it meets the objective at no rate")
	f(func(_ *Fleet, _ *Day, _, b *Device) { b.PricePerHour = -1 }, "cuda:0: the price per hour is -1: it must be from 1e-06 to 1e+06, or 0 if it is not known")
	f(func(_ *Fleet, _ *Day, _, b *Device) { b.Currency = "" }, `cuda:0: the currency "" must be three capital letters, such as USD`)
	f(func(_ *Fleet, _ *Day, _, b *Device) { b.Currency = "EUR" }, "the price of cpu is in USD and that of cuda:0 in EUR: give both in one currency")
}

func TestSine(t *testing.T) {
	d, err := Sine(400, 900)
	if err == nil {
		t.Errorf("a lowest rate below 0 was taken: %v", d)
	}
	if d, err = Sine(500, 900); err != nil || d.Peak() != 900 || d[18] != 900 || math.Abs(d[6]-100) > 1e-9 || math.Abs(d.Mean()-500) > 1e-9 {
		t.Errorf("%v: the peak is %v, the mean %v, %v", d, d.Peak(), d.Mean(), err)
	}
	if d, err = Sine(5, 5); err != nil || d != Steady(5) {
		t.Errorf("a day of mean and peak 5 is %v, %v", d, err)
	}
	for _, c := range [][2]float64{{0, 0}, {5, 4}, {math.NaN(), 5}, {5, math.NaN()}, {5, math.Inf(1)}} {
		if d, err := Sine(c[0], c[1]); err == nil {
			t.Errorf("mean and peak %v were taken: %v", c, d)
		}
	}
}
