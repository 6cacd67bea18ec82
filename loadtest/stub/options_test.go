package stub

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestBehavioursAreRead(t *testing.T) {
	f := func(text string, want Options) {
		t.Helper()
		got, err := Parse(text)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%q: %+v, error %v; want %+v", text, got, err, want)
		}
	}
	const ms = time.Millisecond
	f("", Options{})
	f("delay=5ms", Options{Delay: Delay{Low: 5 * ms, High: 5 * ms}})
	f("delay=150us:10,2ms:5, seed=7", Options{Delay: Delay{Parts: []Part{{150 * time.Microsecond, 10}, {2 * ms, 5}}}, Seed: 7})
	f("delay=exp:5ms", Options{Delay: Delay{Mean: 5 * ms}})
	f("delay=uniform:1ms-5ms", Options{Delay: Delay{Low: ms, High: 5 * ms}})
	f("status=503:5,429:1,close=5", Options{Status: []Chance{{503, 5}, {429, 1}}, Close: 5})
	f("stall=1s@10s,1s@20s", Options{Stalls: []Stall{{time.Second, 10 * time.Second}, {time.Second, 20 * time.Second}}})
	f("queue=1ms,servers=2,limit=10", Options{Queue: ms, Servers: 2, Limit: 10})
	f("burn=100us,spin,lose=1,drop=2,corrupt=3,repeat=4,swap=5,level=values", Options{Burn: ms / 10, Spin: true, Lose: 1, Drop: 2, Corrupt: 3, Repeat: 4, Swap: 5, SwapValues: true})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "spin", "delay=150us:10,2ms:5,status=503:5,429:1", "queue=1ms,servers=3,limit=2", "stall=1s@10s,lose=1,swap=2,level=values", "delay=exp:1ms", "delay=uniform:1us-2us"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := Parse(text)
		if err != nil {
			if !strings.Contains(err.Error(), "cannot read the behaviour") {
				t.Fatalf("the error %q does not say what it is about", err)
			}
			return
		}
		if err := o.check(); err != nil {
			t.Fatalf("%q is read and then refused: %v", text, err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 10 {
			if d := o.Delay.draw(rng); d < 0 {
				t.Fatalf("%q draws the delay %v", text, d)
			}
		}
	})
}

func TestDelays(t *testing.T) {
	f := func(text string, mean time.Duration, zeros float64) {
		t.Helper()
		o, err := Parse("delay=" + text)
		if err != nil {
			t.Fatal(err)
		}
		const n = 20000
		rng := rand.New(rand.NewPCG(2, 2))
		var sum, none float64
		for range n {
			d := o.Delay.draw(rng)
			sum += float64(d)
			if d == 0 {
				none++
			}
		}
		if math.Abs(sum/n/float64(mean)-1) > 0.05 || math.Abs(none/n-zeros) > 0.02 {
			t.Errorf("%s: the mean is %v, and %.3f are none; want %v, %.3f", text, time.Duration(sum/n), none/n, mean, zeros)
		}
	}
	const ms = time.Millisecond
	f("5ms", 5*ms, 0)
	f("exp:5ms", 5*ms, 0)
	f("uniform:1ms-5ms", 3*ms, 0)
	f("1ms:50", ms/2, 0.5)
	f("1ms:10,2ms:20", ms/2, 0.7)
	f("1ms:40,2ms:60", 1600*time.Microsecond, 0)
}

func TestBadBehavioursAreRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("cannot read the behaviour %q", text)) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	f("fast", `there is no "fast"; use delay=5ms`)
	f("spin,5", `there is no "5"`)
	f("speed=1", `there is no "speed"`)
	f("seed=1,seed=2", "seed= comes twice")
	f("delay=", "is not a time")
	f("delay=-1ms", "is not a time")
	f("delay=2h", "up to an hour")
	f("delay=1ms:x", "is not a time with its percentage")
	f("delay=1ms:60,2ms:60", "120 % of the requests")
	f("delay=1ms:NaN", "is not possible")
	f("delay=uniform:5ms-1ms", "the shorter first")
	f("delay=exp:0s", "is not a time")
	f("status=503", "is not a status with its percentage")
	f("status=200:5", "not one of 400 to 599")
	f("status=503:60,close=50", "110 % of the requests")
	f("close=-1", "use 0 to 100")
	f("close=NaN", "use 0 to 100")
	f("stall=1s", "as in 1s@10s")
	f("stall=0s@1s", "is not possible")
	f("limit=1", "give queue= too")
	f("queue=1ms,limit=0", "a whole number from 1")
	f("queue=1ms,servers=70000", "is more than 65536")
	f("lose=0", "a whole number from 1")
	f("swap=1", "a whole number from 2")
	f("level=values", "give swap= too")
	f("swap=2,level=bits", "use whole or values")
	f("seed=-1", "seed=-1")
}
