//go:build !race

package models

import "testing"

// TestAcquireDoesNotAllocate holds the promise of the request path.
func TestAcquireDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	r := w.start(t, w.options())
	for _, version := range []string{"", "1"} {
		allocs := testing.AllocsPerRun(1000, func() {
			v, err := r.Acquire("m", version)
			if err != nil {
				t.Fatal(err)
			}
			v.Release()
		})
		if allocs != 0 {
			t.Errorf("version %q: %v allocations", version, allocs)
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	r := &Registry{}
	v := newVersion(&Bundle{Name: "m", Version: "1"}, nil, nil)
	r.view.Store(&view{models: map[string]*modelView{"m": {live: v}}})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			v, err := r.Acquire("m", "")
			if err != nil {
				b.Fatal(err)
			}
			v.Release()
		}
	})
}
