package verify

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

// TestReload sees a target switch its version, by header and by body.
func TestReload(t *testing.T) {
	for _, noTag := range []bool{false, true} {
		s := newTarget()
		s.noTag = noTag
		set := s.start(t, payload.Options{Variants: 4})
		c := New(record(t, set, Options{}), set, Options{})
		x := exchange{addr: set.Target.Addr}
		for i := range 40 {
			if i == 15 {
				version := "2"
				s.version.Store(&version)
			}
			if got := c.Check(ask(t, &x, set, i%4)); got.Kind != engine.Right {
				t.Fatalf("request %d: got %+v: %q", i, got, c.Report().Examples)
			}
		}
		want := "[{version 1 d1 15} {version 2 d2 25}]"
		if noTag {
			want = "[{version 1 15} {version 2 25}]"
		}
		if got := fmt.Sprint(c.Versions()); got != want {
			t.Errorf("got the versions %s, want %s", got, want)
		}
		x.close()
	}
}

// TestReloadOfOtherWeights says in an example that another version answered.
func TestReloadOfOtherWeights(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 2})
	c := New(record(t, set, Options{}), set, Options{})
	x := exchange{addr: set.Target.Addr}
	defer x.close()
	version := "2"
	s.version.Store(&version)
	s.spoil = func(_ int64, outputs []tensor.Tensor) { outputs[1].Data[0] ^= 1 }
	got := c.Check(ask(t, &x, set, 1))
	if want := `variant 1, answered by version 2 d2, where the known answers are of version 1 d1: output "n"[0,0] is `; got.Kind != engine.WrongValue || !strings.Contains(c.Report().Examples[0], want) {
		t.Errorf("got %+v, %q", got, c.Report().Examples)
	}
}

// TestReaders reads all counts while answers are checked, for the race detector.
func TestReaders(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 2})
	c := New(record(t, set, Options{}), set, Options{})
	x := exchange{addr: set.Target.Addr}
	defer x.close()
	right, wrong := ask(t, &x, set, 0), ask(t, &x, set, 1)
	wrong.Variant, wrong.ID = 0, right.ID
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			right.Head = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSluice-Model: m;version=%d\r\n\r\n", i/100)
			c.Check(right)
			c.Check(wrong)
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if n := c.Counts(); n.Checked > n.Seen || n.Wrong+n.Other+n.Stray > n.Checked || len(c.Report().Examples) > maxExamples || len(c.Versions()) > maxVersions {
			t.Errorf("got %+v", n)
		}
		c.SetFraction(1)
	}
	if n := c.Counts(); n.Checked != 2000 || n.Stray+n.Other != 1000 {
		t.Errorf("got %+v", n)
	}
}

// TestManyVersions holds that a target cannot make the counts grow without end.
func TestManyVersions(t *testing.T) {
	var v versions
	for i := range 200 {
		v.named(fmt.Appendf(nil, "%d", i))
		v.tagged(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nsluice-model: m;version=%d\r\n\r\n", i))
	}
	total, counts := int64(0), v.counts()
	for _, c := range counts {
		total += c.N
	}
	if len(counts) != maxVersions || total != 400 || counts[maxVersions-1].Name != "other versions" {
		t.Errorf("got %d versions with %d answers, the last one %+v", len(counts), total, counts[len(counts)-1])
	}
}
