package price

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// failer is a test, or a case of a property.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func mustCompare(t failer, fleet Fleet, day Day, a, b Device) *Report {
	t.Helper()
	r, err := Compare(fleet, day, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// alike tells whether figures are the same but for rounding.
func alike(got, want []float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) })
}

func TestBreakEven(t *testing.T) {
	f := func(fleet Fleet, a, b Device, want ...float64) {
		t.Helper()
		r := mustCompare(t, fleet, Steady(100), a, b)
		if !r.AllFound || !alike(r.BreakEven, want) {
			t.Errorf("break-even points %v (all: %v), want %v", r.BreakEven, r.AllFound, want)
		}
	}
	f(Fleet{0.6, 1}, cpu(), gpu(), 480)
	f(Fleet{0.6, 2}, cpu(), gpu(), 960)
	f(Fleet{0.6, 3}, cpu(), gpu(), 1440)

	// Cheaper at first and in the long run.
	better := gpu()
	better.PricePerHour = 0.3
	f(Fleet{0.6, 1}, cpu(), better)
}

// By hand: an hour costs ceil(Q/100) on the one and 2.5 ceil(Q/260) on the other one.
func TestSeveralBreakEvenPoints(t *testing.T) {
	a := Device{Name: "a", RowsPerSecond: 100, PricePerHour: 1, Currency: "EUR"}
	b := Device{Name: "b", RowsPerSecond: 260, PricePerHour: 2.5, Currency: "EUR"}
	r := mustCompare(t, Fleet{1, 1}, Steady(450), a, b)
	if want := []float64{200, 260, 400, 500, 520, 700, 780, 900, 1000, 1040, 1200, 1300}; !alike(r.BreakEven[:len(want)], want) {
		t.Errorf("break-even points %v, want at first %v", r.BreakEven, want)
	}
	var who []string
	for _, s := range r.Spans[:12] {
		who = append(who, s.Cheaper)
	}
	if want := []string{"a", "b", "a", "", "b", "a", "b", "a", "", "b", "a", "b"}; !slices.Equal(who, want) {
		t.Errorf("the cheaper devices are %q, want %q", who, want)
	}
	last := r.Spans[len(r.Spans)-1]
	if !r.AllFound || last.Cheaper != "b" || last.UpTo != 0 || last.Above != r.BreakEven[len(r.BreakEven)-1] {
		t.Errorf("all found: %v, the last span is %+v, want b without an end", r.AllFound, last)
	}
	if r.Verdict.Kind != Same || r.Spans[3].Hours != 24 || len(r.Changes) != 0 {
		t.Errorf("at 450 rows/s %+v, %d hours, changes %v", r.Verdict, r.Spans[3].Hours, r.Changes)
	}
}

// Two devices of which none is cheaper in the long run change places for ever: the search ends, and says so.
func TestEndlessBreakEvenPoints(t *testing.T) {
	a := Device{Name: "a", RowsPerSecond: 100, PricePerHour: 1, Currency: "EUR"}
	b := Device{Name: "b", RowsPerSecond: 150, PricePerHour: 1.5, Currency: "EUR"}
	r := mustCompare(t, Fleet{1, 1}, Steady(50), a, b)
	if last := r.Spans[len(r.Spans)-1]; r.AllFound || math.Abs(last.UpTo-100_000) > 1e-6 || len(r.BreakEven) < 1000 {
		t.Errorf("all found: %v, %d break-even points, the last span is %+v", r.AllFound, len(r.BreakEven), last)
	}
	// A load of 5,000 replicas is covered nevertheless.
	r = mustCompare(t, Fleet{1, 1}, Steady(500_000), a, b)
	if last := r.Spans[len(r.Spans)-1]; last.UpTo < 500_000 {
		t.Errorf("the last span is %+v", last)
	}
}

func dayAndNight(night, day float64) (d Day) {
	for h := range d {
		d[h] = night
		if h >= 12 {
			d[h] = day
		}
	}
	return d
}

// By hand: 12 hours of one CPU and 12 of four, against 24 of one GPU.
func TestDay(t *testing.T) {
	r := mustCompare(t, DefaultFleet(), dayAndNight(100, 900), cpu(), gpu())
	got := []float64{r.Mean, r.Peak, r.Devices[0].Day, r.Devices[1].Day, r.Devices[0].PerMillion, r.Devices[1].PerMillion, r.Devices[0].Idle, r.Devices[1].Idle, r.Devices[0].DeviceSeconds}
	want := []float64{500, 900, 21.42, 19.32, 21.42 / 43.2, 19.32 / 43.2, 0.5, 0.875, 5000}
	if !alike(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if r.Verdict.Device != "cuda:0" || r.Spans[0].Hours != 12 || r.Spans[1].Hours != 12 || r.Devices[0].ReplicasLeast != 1 || r.Devices[0].ReplicasMost != 4 {
		t.Errorf("%+v, spans %+v, %+v", r.Verdict, r.Spans, r.Devices[0])
	}
	// An hour at a break-even point belongs to the lower span, one without a row to the lowest.
	r = mustCompare(t, DefaultFleet(), dayAndNight(0, 480), cpu(), gpu())
	if r.Spans[0].Hours != 24 {
		t.Errorf("spans %+v, want all hours in the first one", r.Spans)
	}
}

// A device that nothing scales has what the peak takes at every hour, and its break-even points move.
func TestFixed(t *testing.T) {
	fixed := gpu()
	fixed.Fixed = true
	r := mustCompare(t, DefaultFleet(), dayAndNight(100, 3000), cpu(), fixed)
	// 2 GPUs all day; they cost 1.61 an hour, so the CPU is cheaper up to four replicas.
	if !alike([]float64{r.Devices[1].Day, r.BreakEven[0]}, []float64{38.64, 960}) || len(r.BreakEven) != 1 || r.Devices[1].ReplicasLeast != 2 || r.Smooth != 0 {
		t.Errorf("%+v, break-even %v", r.Devices[1], r.BreakEven)
	}
	scaled := mustCompare(t, DefaultFleet(), dayAndNight(100, 3000), cpu(), gpu())
	if !alike([]float64{scaled.Devices[1].Day, scaled.BreakEven[0]}, []float64{28.98, 480}) {
		t.Errorf("%+v, break-even %v", scaled.Devices[1], scaled.BreakEven)
	}
}

func TestChanges(t *testing.T) {
	f := func(day Day, want ...string) {
		t.Helper()
		r := mustCompare(t, DefaultFleet(), day, cpu(), gpu())
		var got []string
		for _, c := range r.Changes {
			got = append(got, fmt.Sprintf("%s %s %.6g %s %.6g %+.1f", c.What, c.Device, c.From, c.Is, c.To, c.Percent))
		}
		if !slices.Equal(got, want) {
			t.Errorf("at most %v rows/s: got\n%q, want\n%q", day.Peak(), got, want)
		}
	}
	// Four CPUs against one GPU; three cost 1.071 an hour, two 0.714.
	f(Steady(900),
		"price cpu 0.357 < 0.20125 -43.6", "price cuda:0 0.805 > 1.428 +77.4", "load  900 <= 480 -46.7", "throughput cpu 400 >= 750 +87.5", "throughput cuda:0 4000 < 1500 -62.5")
	// One CPU against one GPU. No throughput makes the GPU cheaper than one CPU.
	f(Steady(100),
		"price cuda:0 0.805 < 0.357 -55.7", "price cpu 0.357 > 0.805 +125.5", "throughput cpu 400 < 83.3333 -79.2", "load  100 > 480 +380.0")
	// 12 hours of one CPU and 12 of four: 21.42 a day against 19.32.
	f(dayAndNight(100, 900),
		"price cpu 0.357 < 0.322 -9.8", "price cuda:0 0.805 > 0.8925 +10.9", "load  500 <= 400 -20.0", "throughput cpu 400 >= 500 +25.0", "throughput cuda:0 4000 < 1500 -62.5")
}

func TestSensitivity(t *testing.T) {
	r := mustCompare(t, DefaultFleet(), Steady(900), cpu(), gpu())
	var got []string
	for _, c := range r.Sensitivity {
		got = append(got, fmt.Sprintf("%s: %.3f %.3f %s %.6g", c.Change, c.PerMillion[0], c.PerMillion[1], c.Cheaper, c.BreakEven))
	}
	want := []string{
		"as it is: 0.441 0.248 cuda:0 [480]",
		"price of cpu -30 %: 0.309 0.248 cuda:0 [720]",
		"price of cuda:0 -30 %: 0.441 0.174 cuda:0 [240]",
		"price of cpu +30 %: 0.573 0.248 cuda:0 [240]",
		"price of cuda:0 +30 %: 0.441 0.323 cuda:0 [480]",
		"headroom 0.5: 0.551 0.248 cuda:0 [400]",
		"headroom 0.7: 0.441 0.248 cuda:0 [560]",
		"replicas 2: 0.441 0.497 cpu [960]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	r = mustCompare(t, Fleet{1, 2}, Steady(900), cpu(), gpu())
	var names []string
	for _, c := range r.Sensitivity[5:] {
		names = append(names, c.Change)
	}
	if want := []string{"headroom 0.9", "replicas 1", "replicas 3"}; !slices.Equal(names, want) {
		t.Errorf("at the end of the scale: %q, want %q", names, want)
	}
}

func TestVerdicts(t *testing.T) {
	f := func(kind, device, text string, day Day, change func(a, b *Device)) {
		t.Helper()
		a, b := cpu(), gpu()
		change(&a, &b)
		r := mustCompare(t, DefaultFleet(), day, a, b)
		if want := (Verdict{kind, device, text}); r.Verdict != want {
			t.Errorf("got\n%+v, want\n%+v", r.Verdict, want)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	}
	f(Cheaper, "cuda:0", "At 900 rows/s cuda:0 is cheaper: a million rows cost 0.25 USD on it (1 replica, 78 % idle) and 0.44 USD on cpu (4 replicas, 44 % idle), so it saves 14.95 USD a day.",
		Steady(900), func(_, _ *Device) {})
	f(Cheaper, "cpu", "At 100 rows/s cpu is cheaper: a million rows cost 0.99 USD on it (1 replica, 75 % idle) and 2.24 USD on cuda:0 (1 replica, 98 % idle), so it saves 10.75 USD a day.",
		Steady(100), func(_, _ *Device) {})
	f(Cheaper, "cuda:0", "Over a day of 500 rows/s on average and 900 at the peak cuda:0 is cheaper: a million rows cost 0.45 USD on it (1 replica, 88 % idle) and 0.50 USD on cpu (1 to 4 replicas, 50 % idle), so it saves 2.10 USD a day.",
		dayAndNight(100, 900), func(_, _ *Device) {})
	f(Same, "", "At 900 rows/s cpu (4 replicas, 44 % idle) and cuda:0 (1 replica, 78 % idle) cost the same: 0.44 USD per million rows.",
		Steady(900), func(_, b *Device) { b.PricePerHour = 1.428 })
	f(Only, "cuda:0", "At 900 rows/s only cuda:0 meets the objective, at 0.25 USD per million rows (1 replica, 78 % idle); cpu meets it at no rate.",
		Steady(900), func(a, _ *Device) { a.RowsPerSecond = 0 })
	f(Only, "cpu", "At 900 rows/s only cpu meets the objective, at 4444 device-seconds per million rows (4 replicas, 44 % idle); cuda:0 meets it at no rate.",
		Steady(900), func(a, b *Device) { b.RowsPerSecond, a.PricePerHour = 0, 0 })
	f(Neither, "", "Neither cpu nor cuda:0 meets the objective at any rate.",
		Steady(900), func(a, b *Device) { a.RowsPerSecond, b.RowsPerSecond = 0, 0 })
	f(Unpriced, "", "At 900 rows/s a million rows take 1111 device-seconds on cuda:0 (1 replica, 78 % idle) and 4444 on cpu (4 replicas, 44 % idle), so cuda:0 is cheaper if an hour of it costs less than 4 hours of cpu; no price is known.",
		Steady(900), func(a, b *Device) { a.PricePerHour, b.PricePerHour = 0, 0 })
	f(Unpriced, "", "At 900 rows/s a million rows take 1111 device-seconds on cuda:0 (1 replica, 78 % idle) and 4444 on cpu (4 replicas, 44 % idle), so cuda:0 is cheaper if an hour of it costs less than 4 hours of cpu; the price of cuda:0 is not known.",
		Steady(900), func(_, b *Device) { b.PricePerHour = 0 })
}

// Without prices the ratio of prices that decides is that of a price which turns the verdict.
func TestPriceRatio(t *testing.T) {
	a, b := cpu(), gpu()
	b.PricePerHour = 0
	ratio := mustCompare(t, DefaultFleet(), dayAndNight(100, 900), b, a).PriceRatio
	for _, c := range []struct {
		factor float64
		want   string
	}{{0.999, "cuda:0"}, {1, ""}, {1.001, "cpu"}} {
		b.PricePerHour = a.PricePerHour * ratio * c.factor
		if got := mustCompare(t, DefaultFleet(), dayAndNight(100, 900), a, b).Verdict.Device; got != c.want {
			t.Errorf("at %v times the ratio %v %q is cheaper, want %q", c.factor, ratio, got, c.want)
		}
	}
}

func drawFleet(t *rapid.T) Fleet {
	return Fleet{float64(rapid.IntRange(1, 10).Draw(t, "headroom")) / 10, rapid.IntRange(1, 3).Draw(t, "replicas")}
}

// drawDevice draws one whose replicas are given a whole number of rows/s.
func drawDevice(t *rapid.T, name string) Device {
	return Device{Name: name, RowsPerSecond: 10 * float64(rapid.IntRange(1, 40).Draw(t, name+" throughput")), PricePerHour: float64(rapid.IntRange(1, 40).Draw(t, name+" price")), Currency: "USD"}
}

func drawDay(t *rapid.T) Day {
	if rapid.Bool().Draw(t, "steady") {
		return Steady(float64(rapid.IntRange(1, 500).Draw(t, "rate")))
	}
	d := Steady(float64(rapid.IntRange(0, 500).Draw(t, "night")))
	for h := range rapid.IntRange(1, 24).Draw(t, "hours") {
		d[h] = float64(rapid.IntRange(1, 500).Draw(t, "rate"))
	}
	return d
}

// sign is who is cheaper at a steady rate, by the formula as it is written.
func sign(f Fleet, rate float64, a, b Device) int {
	cost := func(d Device) float64 {
		return max(float64(f.Replicas), math.Ceil(rate/(math.Round(10*f.Headroom)*d.RowsPerSecond/10))) * d.PricePerHour
	}
	switch x, y := cost(a), cost(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}

// A scan at every half sees what was found: all steps are at whole rates.
func TestBreakEvenAgainstAScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet, a, b := drawFleet(t), drawDevice(t, "a"), drawDevice(t, "b")
		r := mustCompare(t, fleet, Steady(1), a, b)
		end := 4000.0
		if last := r.Spans[len(r.Spans)-1]; !r.AllFound {
			end = min(end, math.Floor(last.UpTo))
		}
		var seen, found []float64
		for q := 1.0; q < end; q++ {
			if sign(fleet, q-0.5, a, b) != sign(fleet, q+0.5, a, b) {
				seen = append(seen, q)
			}
		}
		for _, q := range r.BreakEven {
			if q < end-0.5 {
				found = append(found, q)
			}
		}
		if !alike(found, seen) {
			t.Fatalf("found %v, a scan sees %v", found, seen)
		}
		for _, s := range r.Spans {
			rate := s.UpTo
			if rate == 0 {
				rate = 1e6 + 2*s.Above
			}
			if who := [...]string{"a", "", "b"}[sign(fleet, math.Round(rate), a, b)+1]; who != s.Cheaper {
				t.Fatalf("at %v rows/s %q is cheaper, and not %+v", rate, who, s)
			}
		}
	})
}

// The order in which the devices are given changes nothing but theirs.
func TestOrderOfDevices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet, day, a, b := drawFleet(t), drawDay(t), drawDevice(t, "a"), drawDevice(t, "b")
		a.Fixed = rapid.Bool().Draw(t, "fixed")
		one, other := mustCompare(t, fleet, day, a, b), mustCompare(t, fleet, day, b, a)
		if one.Verdict.Kind == Same { // its sentence has them in their order
			one.Verdict.Text, other.Verdict.Text = "", ""
		}
		other.Devices[0], other.Devices[1] = other.Devices[1], other.Devices[0]
		for i := range other.Sensitivity {
			c := &other.Sensitivity[i]
			c.PerMillion[0], c.PerMillion[1] = c.PerMillion[1], c.PerMillion[0]
			c.DeviceSeconds[0], c.DeviceSeconds[1] = c.DeviceSeconds[1], c.DeviceSeconds[0]
		}
		byName := func(a, b Case) int { return strings.Compare(a.Change, b.Change) }
		slices.SortFunc(one.Sensitivity, byName)
		slices.SortFunc(other.Sensitivity, byName)
		if !reflect.DeepEqual(one, other) {
			t.Fatalf("one order gives\n%+v, the other one\n%+v", one, other)
		}
	})
}

// Each change turns the verdict just where it says, and nothing nearer of its kind does.
func TestChangesTurnTheVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet, day := drawFleet(t), drawDay(t)
		devices := []Device{drawDevice(t, "a"), drawDevice(t, "b")}
		devices[0].Fixed = rapid.Bool().Draw(t, "fixed")
		r := mustCompare(t, fleet, day, devices[0], devices[1])
		if r.Verdict.Kind != Cheaper {
			return
		}
		after := func(c Change, to float64) string {
			changed, scaled := slices.Clone(devices), day
			for i := range changed {
				switch {
				case changed[i].Name != c.Device:
				case c.What == "price":
					changed[i].PricePerHour = to
				default:
					changed[i].RowsPerSecond = to
				}
			}
			if c.What == "load" {
				for h := range scaled {
					scaled[h] *= to / c.From
				}
			}
			return mustCompare(t, fleet, scaled, changed[0], changed[1]).Verdict.Device
		}
		const little = 5e-9
		for _, c := range r.Changes {
			beyond, before := c.To*(1+little), c.To*(1-little)
			if c.Is[0] == '<' {
				beyond, before = before, beyond
			}
			if got := after(c, beyond); got == r.Verdict.Device || got == "" {
				t.Fatalf("%+v: %q is cheaper beyond it", c, got)
			}
			nearer := c.From + (before-c.From)*rapid.Float64Range(0, 1).Draw(t, "nearer")
			for _, to := range []float64{before, nearer} {
				if got := after(c, to); got != r.Verdict.Device && got != "" {
					t.Fatalf("%+v: %s is cheaper at %v, before it", c, got, to)
				}
			}
		}
		if len(r.Changes) < 2 {
			t.Fatalf("a price of either device turns the verdict: %+v", r.Changes)
		}
	})
}
