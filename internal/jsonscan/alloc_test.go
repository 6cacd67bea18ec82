//go:build !race

package jsonscan

import "testing"

// TestAllocations holds the promise that the steady state allocates nothing.
func TestAllocations(t *testing.T) {
	text := []byte(`{"id":"a\n","known":[1,2.5,{"x":null,"y":"z"}],"\u006bey":true,"w":{"v":{}}}`)
	names := Names{"known", "key"}
	var s Scanner
	if n := testing.AllocsPerRun(100, func() {
		s.Start(text, Document{Name: "test", MaxDepth: 9})
		o := s.Object(names)
		for o.Next() {
			if o.Bit != 1 {
				o.Err = s.Skip()
				continue
			}
			a := s.Array()
			for a.Next() {
				a.Err = s.Skip()
			}
			o.Err = a.Err
		}
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		s.Stop()
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
