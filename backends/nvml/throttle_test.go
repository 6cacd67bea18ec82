package nvml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"pgregory.net/rapid"

	"sluice/internal/telemetry"
)

const (
	thermal = nvml.ClocksEventReasonSwThermalSlowdown
	appSet  = nvml.ClocksEventReasonApplicationsClocksSetting
	idle    = nvml.ClocksEventReasonGpuIdle
)

// at is a sample of a busy GPU at a clock in MHz.
func at(mhz float64, reasons Reasons) State {
	return State{GPUReadings: telemetry.GPUReadings{SMClock: known(mhz * 1e6), Utilization: known(0.9)}, Reasons: reasons, ReasonsKnown: true}
}

func idling(s State) State { s.Utilization = known(0.02); return s }

func TestSlowdown(t *testing.T) {
	f := func(name string, max float64, before []State, s State, ratio float64, wantKnown bool) {
		t.Helper()
		tr := throttle{maxClock: known(max * 1e6)}
		for _, b := range before {
			tr.slowdown(&b)
		}
		if got, gotKnown := tr.slowdown(&s); got != ratio || gotKnown != wantKnown {
			t.Errorf("%s: %v (known %v), want %v (known %v)", name, got, gotKnown, ratio, wantKnown)
		}
	}
	appAt := func(s State) State { s.applicationClock = known(1500e6); return s }
	f("full speed", 2000, nil, at(2000, 0), 1, true)
	f("slow without a reason", 2000, nil, at(1000, 0), 1, true)
	f("as set", 2000, nil, at(1000, appSet), 1, true)
	f("idle", 2000, nil, idling(at(300, idle)), 1, true)
	for _, slow := range reasonNames {
		want := 1.0
		if slow.slow {
			want = 2
		}
		if slow.bit != idle {
			f(slow.name, 2000, nil, at(1000, slow.bit), want, true)
		}
	}
	f("hot and idle", 2000, nil, idling(at(300, thermal)), 1, false)
	f("hot and idle by its own word", 2000, nil, at(300, thermal|idle), 1, false)
	f("hot above the maximum", 2000, nil, at(2100, thermal), 1, true)
	f("against the application clock", 2000, nil, appAt(at(1000, thermal|appSet)), 1.5, true)
	f("application clock that holds nothing", 2000, nil, appAt(at(1000, thermal)), 2, true)
	f("against the clock seen under work", 2000, []State{at(1200, 0), at(1500, 0), at(1400, 0)}, at(1000, thermal), 1.5, true)
	f("idle clocks are not seen", 2000, []State{idling(at(1200, 0)), at(1600, thermal)}, at(1000, thermal), 2, true)

	noClock, noReasons, stopped, noUse := at(0, thermal), at(1000, thermal), at(0, thermal), at(1000, thermal)
	noClock.SMClock, noReasons.ReasonsKnown, noUse.Utilization = Reading{}, false, Reading{}
	f("no clock", 2000, nil, noClock, 1, false)
	f("no reasons", 2000, nil, noReasons, 1, false)
	f("clock of zero", 2000, nil, stopped, 1, false)
	f("no utilisation", 2000, nil, noUse, 1, false)
	f("no maximum", 0, nil, at(1000, thermal), 1, false)
}

// TestHysteresis writes a run of samples as clocks in MHz at a maximum of 2000: "h" is
// hot, "i" hot but idle, no letter is cool.
func TestHysteresis(t *testing.T) {
	f := func(samples, want string) {
		t.Helper()
		tr := throttle{maxClock: known(2000e6)}
		var got []string
		for sample := range strings.FieldsSeq(samples) {
			number := strings.TrimRight(sample, "hi")
			mhz, err := strconv.ParseFloat(number, 64)
			if err != nil {
				t.Fatal(err)
			}
			s := at(mhz, 0)
			switch sample[len(number):] {
			case "h":
				s.Reasons = thermal
			case "i":
				s = idling(s)
				s.Reasons = thermal
			}
			if changed := tr.observe(&s); changed {
				got = append(got, fmt.Sprintf("%.2f", s.Slowdown))
			} else if len(got) == 0 && s.Slowdown != 1 {
				t.Errorf("%q: slowdown %v before any change", samples, s.Slowdown)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: told %q, want %q", samples, got, want)
		}
	}
	f("2000 2000 2000", "")
	f("2000 1000h 2000 1000h 2000", "")                     // one sample is nothing
	f("2000 1000h 1000h", "2.00")                           // two are
	f("2000 1950h 1950h 1950h", "")                         // three percent are nothing
	f("2000 1000h 300i 300i 1000h", "2.00")                 // idle samples tell nothing
	f("2000 1000h 1000h 2000 2000", "2.00")                 // not over yet
	f("2000 1000h 1000h 2000 2000 2000", "2.00 1.00")       // over
	f("2000 1000h 1000h 2000 2000 1000h 2000 2000", "2.00") // not over
	f("2000 1000h 1000h 300i 300i 300i 300i", "2.00")       // idle and still hot
	f("2000 1000h 1000h 1020h 980h 1000h", "2.00")          // about the same
	f("2000 1000h 1000h 800h 1600h", "2.00 2.50 1.25")      // worse, better
	f("2000 1000h 1000h 1950h 1950h 1950h", "2.00 1.00")    // as good as over
	f("2000 1000h 1000h 2000 2000 2000 1000h 1000h 1000h", "2.00 1.00 2.00")
}

// TestThrottleProperties drives the signal with anything.
func TestThrottleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := throttle{maxClock: Reading{Value: 2000e6, Known: true}}
		changes, sinceChange, told := 0, 100, 1.0
		samples := rapid.IntRange(1, 200).Draw(t, "samples")
		for range samples {
			s := at(rapid.Float64Range(0, 2500).Draw(t, "clock"), Reasons(rapid.Uint64Range(0, 511).Draw(t, "reasons")))
			s.Utilization = known(rapid.Float64Range(0, 1).Draw(t, "utilisation"))
			s.ReasonsKnown = rapid.Bool().Draw(t, "known")
			changed := tr.observe(&s)
			if s.Slowdown < 1 {
				t.Fatalf("slowdown %v", s.Slowdown)
			}
			if changed != (s.Slowdown != told) {
				t.Fatalf("changed is %v from %v to %v", changed, told, s.Slowdown)
			}
			if !s.ReasonsKnown && changed {
				t.Fatal("a sample that tells nothing changed the signal")
			}
			if changed {
				if told != 1 && s.Slowdown != 1 && s.Slowdown < told*changeRatio && told < s.Slowdown*changeRatio {
					t.Fatalf("a change from %v to %v is too small to tell", told, s.Slowdown)
				}
				if told != 1 && s.Slowdown == 1 && sinceChange+1 < leaveSamples || told == 1 && sinceChange+1 < enterSamples {
					t.Fatalf("from %v to %v %d samples after the last change", told, s.Slowdown, sinceChange)
				}
				told, sinceChange = s.Slowdown, 0
				changes++
			} else {
				sinceChange++
			}
		}
		// However it was driven, it calms down.
		for range leaveSamples {
			s := at(2000, 0)
			tr.observe(&s)
			told = s.Slowdown
		}
		if told != 1 {
			t.Fatalf("slowdown %v after %d normal samples and %d changes", told, leaveSamples, changes)
		}
	})
}

// TestHotFromTheStart has no other clock to compare with than the chip's maximum.
func TestHotFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		m.chips[0].set(func(c *chip) { c.sm, c.reasons = 990, thermal })
		_, s := second(t, m, Options{})
		if got := s.GPUs[0].Slowdown; got != 2 {
			t.Errorf("slowdown %v at half the maximum, want 2", got)
		}
	})
}

func TestOnThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(2)
		var told []string
		var monitor *Monitor
		monitor = m.start(t, Options{OnThrottle: func(gpu int, ratio float64) {
			if s := monitor.Sample().GPUs[gpu]; s.Slowdown != ratio {
				t.Errorf("told %v while the sample says %v", ratio, s.Slowdown)
			}
			told = append(told, fmt.Sprintf("GPU %d %.2f", gpu, ratio))
		}})
		pass := func(periods time.Duration) { time.Sleep(periods * defaultPeriod); synctest.Wait() }
		pass(5)
		m.chips[1].set(func(c *chip) { c.sm, c.reasons = 990, nvml.ClocksThrottleReasonHwThermalSlowdown })
		pass(5)
		m.chips[1].set(func(c *chip) { c.sm, c.reasons = 1980, 0 })
		pass(5)
		if want := []string{"GPU 1 2.00", "GPU 1 1.00"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

func TestReasonNames(t *testing.T) {
	for reasons, want := range map[Reasons]string{
		0:              "",
		idle:           "gpu_idle",
		thermal | 4:    "sw_power_cap,sw_thermal_slowdown",
		511:            "gpu_idle,applications_clocks_setting,sw_power_cap,hw_slowdown,sync_boost,sw_thermal_slowdown,hw_thermal_slowdown,hw_power_brake_slowdown,display_clock_setting",
		1 << 40:        "",
		1<<40 | appSet: "applications_clocks_setting",
	} {
		var active []string
		for _, reason := range reasons.List() {
			if reason.Active {
				active = append(active, reason.Name)
			}
		}
		if got := strings.Join(active, ","); got != want {
			t.Errorf("reasons %#x are %q, want %q", uint64(reasons), got, want)
		}
	}
}
