package verify

import (
	"encoding/binary"
	"strings"
	"testing"

	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

// TestHTTPTemplate compares whole bodies, the identity's place left out.
func TestHTTPTemplate(t *testing.T) {
	set := &payload.Set{Protocol: payload.HTTP, Payloads: []engine.Payload{{ID: 0}, {ID: 0}}, Rows: make([]payload.Row, 2)}
	rows := []payload.Row{{Body: []byte(`<a 0000000000000000 x>`), Identity: 3}, {Body: []byte(`<b>`), Identity: -1}}
	e, err := FromRows(set, nil, rows, "file")
	if err != nil {
		t.Fatal(err)
	}
	c := New(e, set, Options{})
	f := func(variant int, id uint64, body string, want engine.Verdict) {
		t.Helper()
		for range 2 { // the second time the bytes may be known
			if got := c.Check(&engine.Answer{Variant: variant, ID: id, Body: []byte(body)}); got != want {
				t.Errorf("%d %s: got %+v, want %+v: %q", variant, body, got, want, c.Report().Examples)
			}
		}
	}
	f(0, 0xab, `<a 00000000000000ab x>`, engine.Verdict{Kind: engine.Right})
	f(0, 0xab, `<a 00000000000000ac x>`, engine.Verdict{Kind: engine.Stray, ID: 0xac})
	f(0, 0xab, `<a nonenonenonenone x>`, engine.Verdict{Kind: engine.WrongValue})
	f(0, 0xab, `<a 00000000000000ab y>`, engine.Verdict{Kind: engine.WrongValue})
	f(0, 0xab, `<b>`, engine.Verdict{Kind: engine.OtherVariant})
	f(1, 0xab, `<b>`, engine.Verdict{Kind: engine.Right})
	f(1, 0xab, ``, engine.Verdict{Kind: engine.WrongValue})
	if got := c.Report().Examples; !strings.Contains(strings.Join(got, "\n"), `variant 0: byte 20 of the body begins "y>", expected "x>"`) {
		t.Errorf("got the examples %q", got)
	}
}

// TestNothingKnown shows sources that do not know the answers.
func TestNothingKnown(t *testing.T) {
	one := binary.LittleEndian.AppendUint64(nil, 1)
	outputs := []tensor.Tensor{{Name: "n", Type: tensor.Int64, Shape: []int64{1}, Data: one}}
	f := func(protocol payload.Protocol, rows []payload.Row, want string) {
		t.Helper()
		set := &payload.Set{Protocol: protocol, Payloads: make([]engine.Payload, 2), Rows: rows}
		if _, err := FromRows(set, set.Header, set.Rows, "golden.jsonl"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(payload.JSON, []payload.Row{{Outputs: outputs}}, "golden.jsonl knows the answers to 1 variants, and 2 are prepared")
	f(payload.JSON, []payload.Row{{Outputs: outputs}, {Body: one}}, "golden.jsonl knows no outputs for variant 1")
	f(payload.V1, []payload.Row{{Body: one}, {Outputs: outputs}}, "golden.jsonl knows no body for variant 1")
	set := &payload.Set{Protocol: payload.HTTP, Payloads: []engine.Payload{{ID: -1}}}
	if _, err := FromRows(set, nil, []payload.Row{{Body: make([]byte, 20), Identity: 2}}, "file"); err == nil || !strings.Contains(err.Error(), "file knows answers to requests with an identity, and variant 0 has none") {
		t.Errorf("got %v", err)
	}
}
