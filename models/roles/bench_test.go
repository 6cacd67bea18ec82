package roles

import "testing"

// BenchmarkChange is a change of one model's roles beside a few other models.
func BenchmarkChange(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	for i := range 4 {
		if _, _, err := promote(s, string(rune('a'+i)), i+1, ""); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if _, _, err := promote(s, "m", n, ""); err != nil {
			b.Fatal(err)
		}
	}
}
