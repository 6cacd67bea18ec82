package jsonscan

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/fault"
)

// walk reads a document that is an object: it tells the keys and bits in their order, what is in the
// array of the key "list", and the error's kind.
func walk(text string) (said string, err error) {
	var s Scanner
	s.Start([]byte(text), Document{Name: "test", MaxDepth: 4, DepthSetting: "test.depth"})
	if s.Peek() != '{' {
		return "", s.Refuse(fault.InvalidRequest, "no object")
	}
	o := s.Object(Names{"name", "list"})
	for o.Next() {
		said += fmt.Sprintf("%s:%d ", o.Key, o.Bit)
		if o.Bit != 2 {
			o.Err = s.Skip()
			continue
		}
		a := s.Array()
		for a.Next() {
			from := s.Pos
			a.Err = s.Skip()
			said += fmt.Sprintf("%d=%s ", a.Index, text[from:s.Pos])
		}
		o.Err = a.Err
	}
	if o.Err != nil {
		return said, o.Err
	}
	return fmt.Sprintf("%s(%d)", said, o.Seen), s.End()
}

func TestWalk(t *testing.T) {
	f := func(text, want string, kind fault.Kind) {
		t.Helper()
		got, err := walk(text)
		if got != want || err == nil != (kind == fault.None) || err != nil && fault.Of(err).Kind != kind {
			t.Errorf("%s: got %q, %v; want %q, %s", text, got, err, want, kind.Code())
		}
	}
	f(`{}`, "(0)", fault.None)
	f(` { "name" : 1 , "x" : [ { } ] } `, "name:1 x:0 (1)", fault.None)
	f(`{"list":[],"name":"a"}`, "list:2 name:1 (3)", fault.None)
	f(`{"list":[1, [2,3],"]"]}`, `list:2 0=1 1=[2,3] 2="]" (2)`, fault.None)
	f(`{"li\u0073t":[null]}`, "list:2 0=null (2)", fault.None)
	f(`{"name":1,"name":2}`, "name:1 ", fault.DuplicateField)
	f(`{"x":1,"y":2,"\u0078":3}`, "x:0 y:0 x:0 ", fault.DuplicateField)
	f(`{"y":{"x":1,"x":2}}`, "y:0 ", fault.DuplicateField)
	f(`{"y":{"x":1},"x":2,"z":[{"x":3}]}`, "y:0 x:0 z:0 (0)", fault.None)
	f(`{"x":[[[]]]}`, "x:0 (0)", fault.None)
	f(`{"x":[[[[]]]]}`, "x:0 ", fault.JSONTooDeep)
	f(`{"list":[1,]}`, "list:2 0=1 ", fault.InvalidJSON)
	f(`{"list":[1 2]}`, "list:2 0=1 ", fault.InvalidJSON)
	f(`{"name":1,}`, "name:1 ", fault.InvalidJSON)
	f(`{"name" 1}`, "", fault.InvalidJSON)
	f(`{name:1}`, "", fault.InvalidJSON)
	f(`{"name":1`, "name:1 ", fault.InvalidJSON)
	f(`{"name":1} {}`, "name:1 (1)", fault.InvalidJSON)
	f(`{"name": 1, "list":[], "names":2}`, "name:1 list:2 names:0 (3)", fault.None)
	f(`{"name":1, "nam\u0065":2}`, "name:1 ", fault.DuplicateField)
	f(`{"nam\u0065":1, "name":2}`, "name:1 ", fault.DuplicateField)
	f(`{"name`, "", fault.InvalidJSON)
	f(`{"name"`, "", fault.InvalidJSON)
	f(`{"name":1 "list":[]}`, "name:1 ", fault.InvalidJSON)
	f(`{"name":1,,"list":[]}`, "name:1 ", fault.InvalidJSON)
	f(`{,"name":1}`, "", fault.InvalidJSON)
	f(`[1]`, "", fault.InvalidRequest)
	f(`[1`, "", fault.InvalidJSON)
}

// A caller that tells duplicates itself is not told of them.
func TestMembers(t *testing.T) {
	var s Scanner
	s.Start([]byte(`{"a":1,"a":2}`), Document{MaxDepth: 1})
	n := 0
	o := s.Object(nil)
	for o.Member() {
		n++
		o.Err = s.Skip()
	}
	if n != 2 || o.Err != nil || s.Depth != 0 {
		t.Errorf("got %d members, %v, depth %d", n, o.Err, s.Depth)
	}
}

func TestErrorsNameTheDocumentAndItsSetting(t *testing.T) {
	f := func(text string, d Document, want string) {
		t.Helper()
		var s Scanner
		s.Start([]byte(text), d)
		if err := s.Skip(); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	f(`[1,?]`, Document{Name: "trace's", MaxDepth: 1}, `failed to parse the trace's JSON buffer: unexpected '?' at byte 3`)
	f(`["`, Document{Name: "request", MaxDepth: 1}, `failed to parse the request JSON buffer: the document ends early at byte 2`)
	f(`[[]]`, Document{MaxDepth: 1, DepthSetting: "limits.max_json_depth"}, "JSON nesting depth exceeds maximum allowed limit (1) of limits.max_json_depth")
	f(`[[]]`, Document{MaxDepth: 1}, "JSON nesting depth exceeds maximum allowed limit (1)")
}

// However a sender writes the keys and the space around them, the walk is the same.
func TestWalkHasNoStyle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]string{"", "", "", " ", "\n", "  "})
		keys := rapid.SliceOfN(rapid.SampledFrom([]string{"name", "list", "names", "nam", "x", ""}), 0, 5).Draw(t, "keys")
		text, want, seen := "{", "", map[string]bool{}
		twice := false
		for i, key := range keys {
			if i > 0 {
				text += space.Draw(t, "before the comma") + ","
			}
			written := key
			if key != "" && rapid.IntRange(0, 3).Draw(t, "escaped") == 0 {
				written = fmt.Sprintf("\\u%04x%s", key[0], key[1:])
			}
			text += space.Draw(t, "before the key") + `"` + written + `"` + space.Draw(t, "before the colon") + ":" + space.Draw(t, "after it") + "1"
			twice = twice || seen[key]
			seen[key] = true
			want += fmt.Sprintf("%s:%d ", key, map[string]int{"name": 1}[key])
		}
		text += space.Draw(t, "at the end") + "}"
		var s Scanner
		s.Start([]byte(text), Document{Name: "test", MaxDepth: 4})
		o, said := s.Object(Names{"name"}), ""
		for o.Next() {
			said += fmt.Sprintf("%s:%d ", o.Key, o.Bit)
			o.Err = s.Skip()
		}
		if fault.Is(o.Err, fault.DuplicateField) != twice || !twice && (o.Err != nil || said != want || s.End() != nil) {
			t.Fatalf("%s: walked %q, %v; want %q, a key twice: %v", text, said, o.Err, want, twice)
		}
	})
}
