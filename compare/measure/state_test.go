package measure

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// reload writes a state and reads it.
func reload(t testing.TB, from, to any) {
	t.Helper()
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNamesInStates holds that a name which JSON would change is none, and an ID is cut so that it comes back as it was.
func TestNamesInStates(t *testing.T) {
	r, err := NewReservoir(2, 2*maxID)
	if err != nil {
		t.Fatal(err)
	}
	r.Add(1, strings.Repeat("x", maxID-1)+"é", 0, nil)
	if id := r.Rows()[0].ID; id != strings.Repeat("x", maxID-1)+"?" || r.Wants(1, strings.Repeat("x", maxID-1)+"é", 0) {
		t.Errorf("the ID is %q", id)
	}
	var pairs Pairs
	pairs.Add([]byte("\xff"), []byte("a"))
	pairs.Add([]byte("a"), []byte(strings.Repeat("x", maxName+1)))
	if top, other := pairs.Top(9); len(top) != 0 || other != 2 {
		t.Errorf("pairs %v and %d others", top, other)
	}
	var segments Segments
	segments.Add([]byte("\xff"), 1)
	segments.Add([]byte(strings.Repeat("x", maxName+1)), 1)
	if len(segments.byValue) != 0 || segments.other.Units != 2 {
		t.Errorf("segments %+v", segments)
	}
}

// TestStatesThatAreNone holds that each decoder refuses what it would not have written.
func TestStatesThatAreNone(t *testing.T) {
	f := func(state json.Unmarshaler, want string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if err := json.Unmarshal([]byte(text), state); err == nil || !strings.Contains(err.Error(), "cannot read the "+want) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	f(&Noise{}, "noise", `[]`, `{"x":1}`, `{"rows":-1}`, `{"rows":1001,"largest":[1,2,3,4,5,6,7,8,9,10,11]}`, `{"rows":2,"largest":[1]}`, `{"rows":2,"largest":[2,1]}`, `{"rows":1,"largest":[-1]}`)
	f(&Histogram{}, "histogram", `{}`, `{"edges":[1],"counts":[1]}`, `{"edges":[1,1],"counts":[1,1,1]}`, `{"edges":[1],"counts":[1,-1]}`, `{"edges":[1],"counts":[1,1],"missing":-1}`,
		`{"edges":[0,1,2,3,4,5,6,7,8,9],"counts":[0,1,2,3,4,5,6,7,8,9,10]}`, `{"edges":[1],"counts":[9007199254740992,1]}`, `{"edges":[1],"counts":[9223372036854775807,1]}`)
	f(&Pairs{}, "pairs", `[]`, `{"other":-1}`, `{"other":9223372036854775807}`, `{"pairs":[{"primary":"a","candidate":"b","rows":0}]}`,
		`{"pairs":[{"primary":"a","candidate":"b","rows":1},{"primary":"a","candidate":"b","rows":1}]}`, `{"pairs":[{"primary":"`+strings.Repeat("x", maxName+1)+`","candidate":"b","rows":1}]}`,
		`{"pairs":[`+strings.Repeat(`{},`, maxPairs)+`{}]}`)
	many := ""
	for i := range maxSegments + 1 {
		many += fmt.Sprintf(`,{"value":"%d","units":1}`, i)
	}
	f(&Segments{}, "segments", `{}`, `[{"value":"a","units":0}]`, `[{"value":"a","units":1},{"value":"a","units":1}]`, `[{"value":"a","units":1,"other":true}]`, `[{"units":1,"other":true},{"units":1,"other":true}]`,
		`[{"value":"a","units":1,"mean":1e300}]`, `[{"value":"a","units":1,"squares":-1}]`, `[{"value":"a","units":1,"squares":1e300}]`, `[{"value":"`+strings.Repeat("x", maxName+1)+`","units":1}]`, "["+many[1:]+"]")
	r, err := NewReservoir(1, maxID)
	if err != nil {
		t.Fatal(err)
	}
	f(r, "rows that differ most", `{}`, `[{"row":-1}]`, `[{"content":"AAEC","size":2}]`, `[{"id":"`+strings.Repeat("x", maxID+1)+`"}]`)
}
