package verify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

func digits(id uint64) []byte {
	d := engine.Digits(id)
	return d[:]
}

var protocols = []payload.Protocol{payload.JSON, payload.Binary, payload.V1}

// TestRight holds that answers of every protocol are found right, by the fast way and, after
// a file, by the slow one.
func TestRight(t *testing.T) {
	for _, protocol := range protocols {
		s := newTarget()
		set := s.start(t, payload.Options{Protocol: protocol, Variants: 20, Seed: 1})
		e := record(t, set, Options{})
		var file bytes.Buffer
		if err := e.Write(&file, set); err != nil {
			t.Fatal(err)
		}
		h, rows, err := payload.ReadRows(&file)
		if err != nil {
			t.Fatal(err)
		}
		fromFile, err := FromRows(set, h, rows, "a file")
		if err != nil {
			t.Fatal(err)
		}
		var x exchange
		x.addr = set.Target.Addr
		for name, expected := range map[string]*Expected{"learned": e, "from a file": fromFile} {
			if expected.Model != "m" || expected.Version != "1" || expected.Digest != "d1" {
				t.Errorf("%s %s: got %q, %q, %q", protocol, name, expected.Model, expected.Version, expected.Digest)
			}
			c := New(expected, set, Options{})
			for round := range 2 {
				for v := range set.Payloads {
					if got := c.Check(ask(t, &x, set, v)); got.Kind != engine.Right {
						t.Fatalf("%s %s round %d variant %d: got %+v: %q", protocol, name, round, v, got, c.Report().Examples)
					}
				}
			}
			if got := c.Counts(); got != (Counts{Seen: 40, Checked: 40}) {
				t.Errorf("%s %s: got %+v", protocol, name, got)
			}
			if got := fmt.Sprint(c.Versions()); got != "[{version 1 d1 40}]" {
				t.Errorf("%s %s: got the versions %s", protocol, name, got)
			}
		}
		x.close()
	}
}

// TestOtherEncoding holds that answers recorded as JSON judge binary ones.
func TestOtherEncoding(t *testing.T) {
	s := newTarget()
	asJSON := s.start(t, payload.Options{Variants: 20})
	asBinary := s.start(t, payload.Options{Variants: 20, Protocol: payload.Binary})
	e := record(t, asJSON, Options{})
	fromJSON, err := FromRows(asBinary, nil, e.Rows, "JSON")
	if err != nil {
		t.Fatal(err)
	}
	c := New(fromJSON, asBinary, Options{})
	x := exchange{addr: asBinary.Target.Addr}
	defer x.close()
	for v := range asBinary.Payloads {
		if got := c.Check(ask(t, &x, asBinary, v)); got.Kind != engine.Right {
			t.Fatalf("variant %d: got %+v: %q", v, got, c.Report().Examples)
		}
	}
}

// TestWrong shows the checker each kind of wrong answer, in every protocol.
func TestWrong(t *testing.T) {
	for _, protocol := range protocols {
		s := newTarget()
		set := s.start(t, payload.Options{Protocol: protocol, Variants: 20, Seed: 3})
		e := record(t, set, Options{})
		x := exchange{addr: set.Target.Addr}
		c := New(e, set, Options{})
		f := func(name string, a *engine.Answer, want engine.VerdictKind, example string) {
			t.Helper()
			before := len(c.Report().Examples)
			got := c.Check(a)
			examples := strings.Join(c.Report().Examples[before:], "; ")
			if got.Kind != want || !strings.Contains(examples, example) {
				t.Errorf("%s, %s: got %+v, %q, want %v, %q", protocol, name, got, examples, want, example)
			}
		}
		a, b := ask(t, &x, set, 3), ask(t, &x, set, 4)
		f("right", a, engine.Right, "")
		crossed := *b
		crossed.Variant = 3
		f("swapped values", &crossed, engine.OtherVariant, "variant 3: the answer is that of variant 4: ")
		if protocol != payload.V1 {
			stray := *a
			stray.ID = b.ID
			if got := c.Check(&stray); got != (engine.Verdict{Kind: engine.Stray, ID: a.ID}) {
				t.Errorf("%s: got %+v for the answer to another request", protocol, got)
			}
		}
		s.spoil = func(_ int64, outputs []tensor.Tensor) { outputs[1].Data[3*8+2] ^= 1 }
		example := `variant 3: output "n"[0,3] is `
		if protocol == payload.V1 {
			example = "variant 3: byte "
		}
		f("corrupted integer", ask(t, &x, set, 3), engine.WrongValue, example)
		s.spoil = func(_ int64, outputs []tensor.Tensor) {
			outputs[0].Data = tensor.AppendFloat(outputs[0].Data[:12], tensor.FP32, 1.5*tensor.FloatAt(tensor.FP32, outputs[0].Data, 3))
		}
		if protocol != payload.V1 {
			example = `variant 3: output "y"[0,3] is `
		}
		f("corrupted float", ask(t, &x, set, 3), engine.WrongValue, example)
		s.spoil = func(_ int64, outputs []tensor.Tensor) {
			outputs[0].Data = tensor.AppendFloat(nil, tensor.FP32, tensor.FloatAt(tensor.FP32, outputs[0].Data, 0)+3e-6)
			outputs[0].Data = append(outputs[0].Data, s.outputsOf(set, 3)[0].Data[4:]...)
		}
		f("within tolerance", ask(t, &x, set, 3), engine.Right, "")
		cut := *a
		cut.Body = cut.Body[:len(cut.Body)-1]
		f("cut", &cut, engine.WrongValue, "variant 3: ")
		typed := *a
		typed.Head = bytes.Replace(bytes.Replace(a.Head, []byte("application/json"), []byte("text/html"), 1), []byte("application/octet-stream"), []byte("text/html"), 1)
		f("content type", &typed, engine.WrongValue, `the answer's content type is "text/html", and was "application/`)
		cased := *a
		cased.Head = bytes.Replace(a.Head, []byte("Content-Type"), []byte("content-type"), 1)
		f("content type in another case", &cased, engine.Right, "")
		beyond := *a
		beyond.Variant = 99
		f("no such variant", &beyond, engine.Unchecked, "")
		x.close()
	}
}

// outputsOf is the right answer to a variant.
func (s *target) outputsOf(set *payload.Set, v int) []tensor.Tensor {
	return s.outputs(&set.Rows[v].Inputs[0])
}

// TestIdentity looks at answers without an id, and with one of no request.
func TestIdentity(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 10})
	echoed := record(t, set, Options{})
	s.noID = true
	silent := record(t, set, Options{})
	if !echoed.Echo || silent.Echo {
		t.Fatalf("got echo %v and %v", echoed.Echo, silent.Echo)
	}
	x := exchange{addr: set.Target.Addr}
	defer x.close()
	a := ask(t, &x, set, 0)
	c := New(silent, set, Options{})
	if got := c.Check(a); got.Kind != engine.Right {
		t.Errorf("got %+v from a target without ids", got)
	}
	unseen := *echoed
	unseen.proven = nil
	c = New(&unseen, set, Options{})
	s.noID = false
	stray := ask(t, &x, set, 0)
	bears := stray.ID
	stray.ID++
	if got := c.Check(stray); got != (engine.Verdict{Kind: engine.Stray, ID: bears}) {
		t.Errorf("got %+v for another request's answer whose bytes are new", got)
	}
	c = New(echoed, set, Options{})
	if got := c.Check(a); got.Kind != engine.WrongValue || !strings.Contains(c.Report().Examples[0], "has no id, and this target was seen to repeat them") {
		t.Errorf("got %+v, %q", got, c.Report().Examples)
	}
	s.noID = false
	a = ask(t, &x, set, 0)
	a.Body = bytes.Replace(a.Body, digits(a.ID), []byte("nobody"), 1)
	if got := c.Check(a); got.Kind != engine.WrongValue || !strings.Contains(c.Report().Examples[1], `has the id "nobody"`) {
		t.Errorf("got %+v, %q", got, c.Report().Examples)
	}
}

// TestCrossTalkCount swaps the answers of two requests now and then and wants the exact count.
func TestCrossTalkCount(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 50, Protocol: payload.Binary})
	c := New(record(t, set, Options{}), set, Options{})
	x := exchange{addr: set.Target.Addr}
	defer x.close()
	swapped := int64(0)
	var held *engine.Answer
	for i := range 500 {
		a := ask(t, &x, set, i%50)
		switch i % 100 {
		case 10:
			held = a
			continue
		case 11:
			// Each gets the other's values in a body that bears its own identity.
			first, second := *a, *held
			first.Variant, first.ID, second.Variant, second.ID = held.Variant, held.ID, a.Variant, a.ID
			first.Body, second.Body = bytes.Clone(a.Body), bytes.Clone(held.Body)
			copy(first.Body[len(`{"id":"`):], digits(first.ID))
			copy(second.Body[len(`{"id":"`):], digits(second.ID))
			swapped += 2
			for _, b := range []*engine.Answer{&first, &second} {
				if got := c.Check(b); got.Kind != engine.OtherVariant {
					t.Fatalf("got %+v for a swapped answer", got)
				}
			}
			continue
		}
		if got := c.Check(a); got.Kind != engine.Right {
			t.Fatalf("request %d: got %+v", i, got)
		}
	}
	if got := c.Counts(); got != (Counts{Seen: 500, Checked: 500, Other: swapped}) {
		t.Errorf("got %+v, want %d swapped", got, swapped)
	}
	if r := c.Report(); r.Wrong != swapped || r.CrossTalk != swapped || r.Checked != 500 || r.Fraction != 1 || len(r.Examples) != maxExamples {
		t.Errorf("got %+v", r)
	}
}

// TestFraction holds that the stated part of the answers is compared, and that it can change.
func TestFraction(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 1})
	c := New(record(t, set, Options{}), set, Options{Fraction: 0.3})
	x := exchange{addr: set.Target.Addr}
	defer x.close()
	a := ask(t, &x, set, 0)
	for i := range 1000 {
		if got := c.Check(a); got.Kind != engine.Right && got.Kind != engine.Unchecked {
			t.Fatalf("got %+v", got)
		}
		if i == 499 && (c.Counts().Checked < 149 || c.Counts().Checked > 150) {
			t.Errorf("got %d of 500 checked, want 150", c.Counts().Checked)
		}
		if i == 499 {
			c.SetFraction(0.1)
		}
	}
	if got := c.Report(); got.Checked < 199 || got.Checked > 200 || got.Fraction < 0.199 || got.Fraction > 0.2 {
		t.Errorf("got %+v, want 200 checked", got)
	}
}

// TestRemembered holds that new forms of a right answer replace the oldest, and that the
// expected answer stays what it is.
func TestRemembered(t *testing.T) {
	for _, protocol := range []payload.Protocol{payload.JSON, payload.V1} {
		s := newTarget()
		set := s.start(t, payload.Options{Variants: 1, Protocol: protocol, Seed: 9})
		e := record(t, set, Options{})
		c := New(e, set, Options{})
		x := exchange{addr: set.Target.Addr}
		a := ask(t, &x, set, 0)
		x.close()
		body := a.Body
		for i := range 20 {
			a.Body = append(bytes.Repeat([]byte{' '}, i%7), body...)
			if got := c.Check(a); got.Kind != engine.Right {
				t.Fatalf("%s: got %+v in form %d: %q", protocol, got, i, c.Report().Examples)
			}
		}
		leading := 0 // spaces of the forms that are remembered: the last four had 2 to 5
		for _, b := range c.known[0].bodies {
			leading = 10*leading + len(b.text) - len(body)
		}
		if leading != 2345 && leading != 5234 && leading != 4523 && leading != 3452 {
			t.Errorf("%s: got forms with %d spaces", protocol, leading)
		}
		other := New(e, set, Options{})
		a.Body = body
		if got := other.Check(a); got.Kind != engine.Right || c.Check(a).Kind != engine.Right {
			t.Errorf("%s: got %+v after bodies were replaced", protocol, got)
		}
	}
}
