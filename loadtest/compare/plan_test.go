package compare

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/engine"
)

// drawn is a schedule with options, both at random.
func drawn(t *rapid.T, modes ...Mode) ([]engine.Arrival, Options) {
	o := Options{
		Mode:   rapid.SampledFrom(modes).Draw(t, "mode"),
		Block:  time.Duration(rapid.IntRange(50, 2000).Draw(t, "block")) * time.Millisecond,
		Warmup: time.Duration(rapid.IntRange(0, 3000).Draw(t, "warmup")) * time.Millisecond,
		Seed:   rapid.Uint64().Draw(t, "seed"),
	}
	o.Length = o.Block*time.Duration(rapid.IntRange(16, 120).Draw(t, "blocks")) + time.Duration(rapid.IntRange(0, 49).Draw(t, "rest"))*time.Millisecond
	rate := rapid.Float64Range(2, 40).Draw(t, "per block") / o.Block.Seconds()
	return poisson(rate, o.Warmup+o.Length, o.Seed), o
}

// TestBlockPlan holds each block to its quad, its guard and its payloads.
func TestBlockPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arrivals, o := drawn(t, Block)
		before := slices.Clone(arrivals)
		planned, d, err := Plan(arrivals, o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(arrivals, before) || len(planned) != len(arrivals) {
			t.Fatalf("%d arrivals became %d, or were changed", len(arrivals), len(planned))
		}
		blocks := make([][]engine.Arrival, d.Blocks)
		for i, a := range planned {
			b, measured := d.block(a.At)
			early := measured && (a.At-o.Warmup)%o.Block < o.Block/5
			switch {
			case a.At != arrivals[i].At:
				t.Fatalf("arrival %d moved from %v to %v", i, arrivals[i].At, a.At)
			case (a.Group&Guard != 0) != (!measured || early):
				t.Errorf("arrival at %v, block %d: guard %v", a.At, b, a.Group&Guard != 0)
			case measured:
				blocks[b] = append(blocks[b], a)
			}
		}
		checkQuads(t, blocks)
	})
}

func checkQuads(t *rapid.T, blocks [][]engine.Arrival) {
	variants := func(b []engine.Arrival) (v []uint16) {
		for _, a := range b {
			v = append(v, a.Variant)
		}
		return v
	}
	for b := 0; b < len(blocks); b += 2 {
		one, two := variants(blocks[b]), variants(blocks[b+1])
		if n := min(len(one), len(two)); !slices.Equal(one[:n], two[:n]) {
			t.Errorf("blocks %d and %d send %v and %v", b, b+1, one, two)
		}
	}
	controls := 0
	for q := 0; q < len(blocks)/4; q++ {
		var roles [4]role
		for i := range roles {
			b := blocks[4*q+i]
			if len(b) == 0 {
				return // nothing to see of this block's role
			}
			roles[i] = role{b[0].Target, b[0].Group &^ Guard}
			for _, a := range b {
				if got := (role{a.Target, a.Group &^ Guard}); got != roles[i] {
					t.Errorf("block %d is %+v and %+v", 4*q+i, roles[i], got)
				}
			}
		}
		if roles[0] != roles[3] || roles[1] != roles[2] || roles[0] == roles[1] {
			t.Errorf("quad %d: %v", q, roles)
		}
		if roles[0].group&Control != 0 {
			controls++
			if roles[0].target != 0 || roles[1].target != 0 {
				t.Errorf("control quad %d asks %v", q, roles)
			}
		}
	}
	if quads := len(blocks) / 4; controls != max(2, int(math.Round(0.2*float64(quads)))) {
		t.Errorf("%d of %d quads are the control", controls, quads)
	}
}

// TestRequestPlan: pairs of neighbours, balanced between both targets at any time, a fifth control.
func TestRequestPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arrivals, o := drawn(t, Request, Mirror)
		planned, d, err := Plan(arrivals, o)
		if err != nil {
			t.Fatal(err)
		}
		copies := map[Mode]int{Request: 1, Mirror: 2}[o.Mode]
		if len(planned) != copies*len(arrivals) || !slices.IsSortedFunc(planned, func(a, b engine.Arrival) int { return int(a.At - b.At) }) {
			t.Fatalf("%d arrivals became %d, or lost their order", len(arrivals), len(planned))
		}
		var inside []engine.Arrival
		for i, a := range planned {
			if a.At != arrivals[i/copies].At || o.Mode == Mirror && a.Variant != arrivals[i/copies].Variant {
				t.Errorf("arrival %d is %+v, was %+v", i, a, arrivals[i/copies])
			}
			if _, measured := d.block(a.At); measured && a.Group&Guard == 0 {
				inside = append(inside, a)
			} else if measured && i < len(planned)-2 && planned[i+1].Group&Guard == 0 {
				t.Errorf("arrival %d at %v is guard", i, a.At)
			}
		}
		var sent [2]int
		controls := 0
		for i := 0; i+1 < len(inside); i += 2 {
			a, b := inside[i], inside[i+1]
			sent[a.Target]++
			sent[b.Target]++
			alone := a.Target == b.Target
			if a.Variant != b.Variant || alone != (a.Group&b.Group&Control != 0) || alone && a.Group == b.Group {
				t.Errorf("pair %d: %+v and %+v", i/2, a, b)
			}
			if alone {
				controls++
			}
			if off := sent[0] - sent[1]; off < -2 || off > 2 {
				t.Errorf("after %d pairs A had %d requests, B %d", i/2, sent[0], sent[1])
			}
		}
		if pairs := len(inside) / 2; len(inside)%2 != 0 || controls < pairs/10*2 || controls > pairs/10*2+2 {
			t.Errorf("%d of %d pairs are the control", controls, pairs)
		}
	})
}

// TestSeeds: the same seed gives the same plan, and orders come out even over many.
func TestSeeds(t *testing.T) {
	arrivals := poisson(50, 60*time.Second, 1)
	var first [2]int
	for seed := range uint64(200) {
		o := Options{Length: 60 * time.Second, Seed: seed}
		one, _ := mustPlan(t, arrivals, o)
		two, _ := mustPlan(t, arrivals, o)
		if !slices.Equal(one, two) {
			t.Fatalf("seed %d gives two plans", seed)
		}
		if one[0].Group&Control == 0 {
			first[one[0].Target]++
		}
	}
	if first[0] < 50 || first[1] < 50 {
		t.Errorf("A was first %d times, B %d times", first[0], first[1])
	}
}

func TestBadPlans(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		if _, _, err := Plan(nil, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error about %q", o, err, want)
		}
	}
	f(Options{}, "at least 16s")
	f(Options{Length: 15 * time.Second}, "longer or the blocks shorter")
	f(Options{Length: time.Minute, Block: time.Millisecond}, "blocks of 1ms")
	f(Options{Length: time.Minute, Warmup: -1}, "-1ns")
	f(Options{Length: time.Minute, Mode: 7}, "mode 7")
}

func TestParseMode(t *testing.T) {
	f := func(text string, mode Mode, block time.Duration, fault string) {
		t.Helper()
		m, d, err := ParseMode(text)
		if fault == "" && (err != nil || m != mode || d != block) || fault != "" && (err == nil || !strings.Contains(err.Error(), fault)) {
			t.Errorf("%q: %v, %v, %v", text, m, d, err)
		}
	}
	f("block", Block, 0, "")
	f("block:500ms", Block, 500*time.Millisecond, "")
	f("request", Request, 0, "")
	f("mirror", Mirror, 0, "")
	f("", 0, 0, "must be block")
	f("blocks", 0, 0, "must be block")
	f("block:", 0, 0, "duration")
	f("block:10ms", 0, 0, "at least 50ms")
	f("request:1s", 0, 0, "only block")
}

// FuzzParseMode: what is read is usable as it is.
func FuzzParseMode(f *testing.F) {
	for _, s := range []string{"block", "block:1s", "request", "mirror", "block:-1s", "mirror:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, d, err := ParseMode(text)
		if o := (Options{Mode: m, Block: d, Length: 100 * time.Hour}).withDefaults(); err == nil && d < 6*time.Hour && o.validate() != nil {
			t.Errorf("%q is read as %v and %v, and refused later: %v", text, m, d, o.validate())
		}
	})
}
