package jsonscan

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"sluice/internal/fault"
)

// FuzzSkip holds what is taken for JSON against encoding/json. A used scanner reads as a new one.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e-3,{"b":{}}],"c":[],"d":"x\\"}`, `"\ud83d\ude00"`, `[NaN,-Inf]`, `{"a":1,"\u0061":2}`, `[[[[]]]]`, `"\x"`, "\"\xff\"", `1 2`, ``} {
		f.Add([]byte(text))
	}
	var s Scanner
	f.Fuzz(func(t *testing.T, text []byte) {
		s.Start(text, Document{Name: "test", MaxDepth: 8})
		err := s.Skip()
		if err == nil {
			err = s.End()
		}
		s.Stop()
		if err == nil {
			if !bytes.Contains(text, []byte("NaN")) && !bytes.Contains(text, []byte("Inf")) && !json.Valid(text) {
				t.Fatalf("%q was taken for JSON", text)
			}
			return
		}
		strict := fault.Is(err, fault.JSONTooDeep) || fault.Is(err, fault.DuplicateField) || fault.Is(err, fault.InvalidUTF8)
		if !strict && json.Valid(text) {
			t.Fatalf("%q: %v, and encoding/json takes it", text, err)
		}
	})
}

// FuzzText: what is written as a JSON string reads back, here and elsewhere.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "plain", "a\"b\\c", "\x00\x1f\n\t\r\b\f", "é😀", "\xff", "0123456\x7f"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // the caller vouches for it
		}
		quoted := AppendString(nil, text)
		var s Scanner
		s.Start(quoted, Document{})
		raw, _, err := s.Text()
		if err == nil {
			raw, err = unescape(nil, raw)
		}
		if err != nil || string(raw) != text || s.End() != nil {
			t.Fatalf("%q is written as %s, which reads back as %q, %v", text, quoted, raw, err)
		}
		var other string
		if err := json.Unmarshal(quoted, &other); err != nil || other != text {
			t.Fatalf("%q is written as %s, which encoding/json reads as %q, %v", text, quoted, other, err)
		}
	})
}
