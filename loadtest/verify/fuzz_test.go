package verify

import (
	"testing"

	"sluice/internal/oip/client"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

// FuzzCheck holds that no answer is a trap, and that only an answer that bears the request's
// identity and can be read is right.
func FuzzCheck(f *testing.F) {
	s := newTarget()
	var checkers []*Checker
	for _, protocol := range protocols {
		set := s.start(f, payload.Options{Variants: 2, Protocol: protocol})
		checkers = append(checkers, New(record(f, set, Options{}), set, Options{}))
		x := exchange{addr: set.Target.Addr}
		a := ask(f, &x, set, 0)
		x.close()
		f.Add(uint8(len(checkers)-1), a.ID, a.Head, a.Body)
	}
	f.Fuzz(func(t *testing.T, which uint8, id uint64, head, text []byte) {
		c := checkers[int(which)%len(checkers)]
		got := c.Check(&engine.Answer{Variant: 0, ID: id, Head: head, Body: text})
		var r client.Response
		if got.Kind == engine.Right && byTensors(c.protocol) && (readBody(head, text, &r) != nil || string(r.ID) != string(digits(id))) {
			t.Fatalf("%q is right for the identity %016x", text, id)
		}
		if got.Kind == engine.Stray && got.ID == id || got.Kind == engine.Unchecked {
			t.Fatalf("got %+v for the identity %016x", got, id)
		}
	})
}

// BenchmarkCheck is the cost of a right answer whose bytes are known.
func BenchmarkCheck(b *testing.B) {
	for _, protocol := range protocols {
		b.Run(protocol.String(), func(b *testing.B) {
			s := newTarget()
			set := s.start(b, payload.Options{Protocol: protocol, Variants: 1, Dims: map[string]payload.Dim{}})
			c := New(record(b, set, Options{}), set, Options{})
			x := exchange{addr: set.Target.Addr}
			defer x.close()
			a := ask(b, &x, set, 0)
			b.ReportAllocs()
			for b.Loop() {
				if c.Check(a).Kind != engine.Right {
					b.Fatal("wrong")
				}
			}
		})
	}
}
