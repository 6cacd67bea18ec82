package tensor

import (
	"fmt"
	"testing"
)

// wide is a schema of so many inputs, the last of which are optional.
func wide(inputs, optional int) *Schema {
	s := &Schema{}
	for i := range inputs {
		s.Inputs = append(s.Inputs, Spec{Name: fmt.Sprint("f", i)})
	}
	for i := range optional {
		s.Optional = append(s.Optional, Spec{Name: fmt.Sprint("o", i)})
	}
	return s
}

func TestFind(t *testing.T) {
	f := func(s *Schema) {
		t.Helper()
		all := len(s.Inputs) + len(s.Optional)
		for i := range all {
			name := []byte(s.Given(i).Name)
			for _, guess := range []int{0, i, all - 1, all, all + 7} {
				if got := s.Find(name, guess); got != i {
					t.Errorf("%d inputs: Find(%s, %d) = %d, want %d", all, name, guess, got, i)
				}
			}
		}
		for _, name := range []string{"", "f", "g0", fmt.Sprint("f", len(s.Inputs))} {
			if got := s.Find([]byte(name), 0); got != -1 {
				t.Errorf("%d inputs: Find(%q) = %d, want -1", all, name, got)
			}
		}
	}
	for _, n := range []int{0, 1, scanned, 200} {
		for _, optional := range []int{0, 3} {
			f(wide(n, optional))
			f(wide(n, optional).Indexed())
		}
	}
	if s := wide(scanned, 0); s.Indexed() != s {
		t.Error("a schema of few inputs was copied")
	}
}

// An index that has gone stale, because somebody changed a copy, is not believed.
func TestFindAfterAChange(t *testing.T) {
	s := *wide(100, 0).Indexed()
	s.Inputs = append([]Spec{{Name: "new"}}, s.Inputs[:50]...)
	f := func(name string, want int) {
		t.Helper()
		if got := s.Find([]byte(name), 0); got != want {
			t.Errorf("Find(%s) = %d, want %d", name, got, want)
		}
	}
	f("new", 0)
	f("f0", 1)
	f("f49", 50)
	f("f99", -1)
}

func TestFindAllocations(t *testing.T) {
	s := wide(100, 10).Indexed()
	name := []byte("o9")
	if n := testing.AllocsPerRun(100, func() {
		if s.Find(name, 0) != 109 {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
