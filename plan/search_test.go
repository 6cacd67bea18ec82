package plan

import (
	"context"
	"strings"
	"testing"
	"time"
)

// The search itself, on a world in which it is known from how many devices on the objective
// holds, and with which seeds it does not.
func TestSearchFindsTheSmallest(t *testing.T) {
	f := func(least, most, holdsFrom int, unlucky map[int]uint64, want, probes int) {
		t.Helper()
		objectives, err := ParseObjectives("attainment>=0.99")
		if err != nil {
			t.Fatal(err)
		}
		runs := map[[2]uint64]int{}
		fd := finder{
			study:      Study{Fleet: []Group{{Kind: "gpu", Count: 1}}},
			objectives: objectives, search: Search{Kind: "gpu", Most: most, Smallest: -1},
			run: func(s Study) (*Outcome, error) {
				n := s.Count("gpu")
				runs[[2]uint64{uint64(n), s.Seed}]++
				out := &Outcome{Attainment: 0.5, latencies: new(histogram)}
				if seed, bad := unlucky[n]; n >= holdsFrom && !(bad && seed == s.Seed) {
					out.Attainment = 1
				}
				return out, nil
			},
		}
		got, err := fd.smallest(least)
		if err != nil {
			t.Fatal(err)
		}
		if got.Smallest != want || len(got.Probes) > probes {
			t.Errorf("from %d of %d to %d, unlucky %v: smallest %d with %d probes, want %d with at most %d", holdsFrom, least, most, unlucky, got.Smallest, len(got.Probes), want, probes)
		}
		for probe, n := range runs {
			if n > 1 {
				t.Errorf("%v was simulated %d times", probe, n)
			}
		}
	}
	f(1, 64, 1, nil, 1, 3)
	f(0, 64, 0, nil, 0, 3)
	f(1, 64, 2, nil, 2, 4)
	f(1, 64, 37, nil, 37, 14)
	f(1, 64, 64, nil, 64, 14)
	f(1, 50, 50, nil, 50, 14)
	f(1, 64, 65, nil, -1, 7)
	f(1, 1, 1, nil, 1, 3)
	f(1, 64, 5, map[int]uint64{5: 2}, 6, 12)        // holds twice of three times: one more
	f(1, 4, 4, map[int]uint64{4: 1}, -1, 6)         // and there is none
	f(1, 64, 4, map[int]uint64{4: 0}, 5, 12)        // failed while searching
	f(1, 64, 2, map[int]uint64{2: 0, 3: 1}, 4, 12)  // two in a row
	f(1, 64, 3, map[int]uint64{4: 0, 3: 99}, 5, 12) // bisected upwards past one that would do: not monotone
}

func TestSmallestFleet(t *testing.T) {
	f := func(load, text string, most, want int, verdict ...string) {
		t.Helper()
		objectives, err := ParseObjectives(text)
		if err != nil {
			t.Fatal(err)
		}
		s := study(t, load, resnet, "cpu=1:5ms,8:20ms")
		s.Length = 4 * time.Second
		s.Fleet = append(s.Fleet, Group{Kind: "cpu", Count: 1})
		a, err := Ask(context.Background(), Question{Study: s, Objectives: objectives, Kind: "gpu", Most: most})
		if err != nil {
			t.Fatal(err)
		}
		if a.Search.Smallest != want || *a.Held != (want >= 0) {
			t.Errorf("%s %s: smallest is %d, held %v; want %d (%s)", load, text, a.Search.Smallest, *a.Held, want, a.Verdict)
		}
		for _, part := range verdict {
			if !strings.Contains(a.Verdict, part) {
				t.Errorf("verdict %q has no %q", a.Verdict, part)
			}
		}
	}
	f("poisson:20", "attainment>=0.99", 8, 0, "0 GPUs hold attainment>=0.99 at 20 requests/s")
	f("poisson:1500", "attainment>=0.99", 8, 1, "1 GPU holds", "0 GPUs do not")
	f("poisson:1500", "p99<25ms", 8, 1, "0 GPUs do not: ", "% in time")
	f("poisson:5000", "attainment>=0.99", 8, 2, "2 GPUs hold", "1 GPU does not")
	f("poisson:20000", "attainment>=0.99", 3, -1, "not even 3 GPUs hold")
	f("poisson:20000", "p50<1ms", 4, -1, "not even 4 GPUs hold")
}
