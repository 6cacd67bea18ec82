package sequence

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A sequence that is stored and restored goes on exactly as one that is not.
func TestStateSurvivesARestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, a := newBetting(t, 0.025), newAsymptotic(t, 0.05, 20_000)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		power := rapid.IntRange(0, 8).Draw(t, "power")
		add := func(b *Betting, a *Asymptotic, random *rand.Rand, n int) {
			for range n {
				x := 1.0
				for range power {
					x *= random.Float64()
				}
				if b.Add(x) != nil || a.Add(x-0.1) != nil {
					t.Fatalf("%v is refused", x)
				}
			}
		}
		add(b, a, random, rapid.IntRange(0, 1100).Draw(t, "before"))
		var b2 Betting
		var a2 Asymptotic
		for _, pair := range [][2]any{{b, &b2}, {a, &a2}} {
			data, err := json.Marshal(pair[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, pair[1]); err != nil {
				t.Fatalf("%v: %s", err, data)
			}
		}
		seed := rapid.Uint64().Draw(t, "seed of the rest")
		n := rapid.IntRange(0, 200).Draw(t, "after")
		add(b, a, rand.New(rand.NewPCG(seed, 1)), n)
		add(&b2, &a2, rand.New(rand.NewPCG(seed, 1)), n)
		if *b != b2 || *a != a2 || b.Alpha() != 0.025 || a2.Alpha() != 0.05 {
			t.Fatalf("%+v %+v\n%+v %+v", b, a, b2, a2)
		}
	})
}

func TestStateRefuses(t *testing.T) {
	type state interface{ UnmarshalJSON([]byte) error }
	refuses := func(into state, data, want string) {
		t.Helper()
		err := into.UnmarshalJSON([]byte(data))
		if err == nil || !strings.HasPrefix(err.Error(), "cannot restore a comparison's state: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", data, err)
		}
	}
	// changed puts something else into a state that is taken as it is.
	changed := func(good string, fresh state) func(was, is, want string) {
		t.Helper()
		if err := fresh.UnmarshalJSON([]byte(good)); err != nil {
			t.Fatal(err)
		}
		return func(was, is, want string) {
			t.Helper()
			if !strings.Contains(good, was) {
				t.Fatalf("%s is not in %s", was, good)
			}
			refuses(fresh, strings.Replace(good, was, is, 1), want)
		}
	}

	zeros := "[" + strings.Repeat("0,", bets-1) + "0]"
	good := `{"version":1,"alpha":0.05,"units":2,"sum":0,"low":0,"high":1,"above":` + zeros + `,"below":` + zeros + `}`
	b := new(Betting)
	f := changed(good, b)
	before := *b
	f(`"version":1`, `"version":2`, "it has version 2, and this program reads version 1")
	f(`"version":1,`, "", "it has version 0")
	f("0.05", "0", "alpha is above 0")
	f(`"units":2`, `"units":-1`, "units is -1")
	f(`"units":2`, `"units":9007199254740993`, "units is 9007199254740993: it is 0 to 9007199254740992")
	f(`"units":2`, `"units":1.5`, "1.5")
	f(`"sum":0`, `"sum":3`, "sum is 3, of 2 shares")
	f(`"sum":0`, `"sum":-1`, "sum is -1, of 2 shares")
	f(`"sum":0`, `"sum":1`, "above[0] is 0: with this sum it lies in [2.83")
	f(`"low":0`, `"low":-1`, "low is -1 and high is 1: both lie in [0, 1]")
	f(`"high":1`, `"high":1.5`, "high is 1.5")
	f(`"above":[0,`, `"above":[`, "above has 16 numbers: it has 17")
	f(`"below":[0,`, `"below":[0,0,`, "below has 18 numbers: it has 17")
	f(`"below":[0,`, `"below":[-1,`, "below[0] is -1: with this sum it lies in ")
	f(`"above":[0,`, `"above":[1,`, "above[0] is 1: with this sum it lies in [0, 0]")
	f(`"low"`, `"lower"`, "lower")
	f(`}`, `} {}`, "there is more behind it")
	f(`}`, ``, "EOF")
	refuses(b, strings.Repeat(" ", mostStateBytes)+"{}", "it has 16386 bytes: at most 16384")
	refuses(b, "null", "it has version 0")
	if *b != before {
		t.Error("a state that is refused changes the sequence")
	}

	f = changed(`{"version":1,"alpha":0.05,"tuned":100,"units":2,"nonzero":1,"mean":1,"squares":2}`, new(Asymptotic))
	f(`"version":1`, `"version":0`, "it has version 0")
	f("0.05", "0.7", "alpha is above 0")
	f(`"tuned":100`, `"tuned":0`, "it is tuned for 1 to")
	f(`"units":2`, `"units":-1`, "units is -1")
	f(`"nonzero":1`, `"nonzero":3`, "nonzero is 3, of 2 units")
	f(`"nonzero":1`, `"nonzero":-1`, "nonzero is -1, of 2 units")
	f(`"nonzero":1`, `"nonzero":0`, "mean is 1, of 0 differences other than 0")
	f(`"nonzero":1,"mean":1`, `"nonzero":0,"mean":0`, "squares is 2, of 0 differences other than 0")
	f(`"mean":1`, `"mean":3e100`, "mean is 3e+100")
	f(`"squares":2`, `"squares":-2`, "squares is -2")
	f(`"squares":2`, `"squares":1e250`, "squares is 1e+250")
}

// Whatever is taken as a state can be stored again, is the same then, and counts units without running into infinity.
func FuzzState(f *testing.F) {
	b, a := newBetting(f, 0.025), newAsymptotic(f, 0.05, 20_000)
	random := rand.New(rand.NewPCG(1, 0))
	for i := range 2000 {
		if i == 0 || i == 7 || i == 1999 {
			for _, state := range []any{b, a} {
				data, err := json.Marshal(state)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(data)
			}
		}
		x := random.Float64() * random.Float64()
		if b.Add(x) != nil || a.Add(x) != nil {
			f.Fatalf("%v is refused", x)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		again := func(state, other json.Unmarshaler) bool {
			if state.UnmarshalJSON(data) != nil {
				return false
			}
			stored, err := json.Marshal(state)
			if err != nil {
				t.Fatal(err)
			}
			if err := other.UnmarshalJSON(stored); err != nil {
				t.Fatalf("%s is stored as %s: %v", data, stored, err)
			}
			twice, err := json.Marshal(other)
			if err != nil || !bytes.Equal(stored, twice) {
				t.Fatalf("%s\nand then\n%s: %v", stored, twice, err)
			}
			return true
		}
		var b Betting
		if again(&b, new(Betting)) {
			for _, x := range []float64{0, 1, 0.5, 0, 0} {
				if err := b.Add(x); err != nil {
					t.Fatal(err)
				}
				if i := b.Interval(); !(i.Low >= 0 && i.Low <= 1 && i.High >= 0 && i.High <= 1) {
					t.Fatalf("%s leads to %v", data, i)
				}
			}
		}
		var a Asymptotic
		if again(&a, new(Asymptotic)) {
			if err := a.Add(1); err != nil {
				t.Fatal(err)
			}
			if i := a.Interval(); math.IsNaN(i.Low) || math.IsNaN(i.High) || i.Empty() {
				t.Fatalf("%s leads to %v", data, i)
			}
		}
	})
}
