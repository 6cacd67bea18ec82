package compare

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func written(t testing.TB, s *Study) (state, units []byte) {
	t.Helper()
	state, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if units, err = s.MarshalUnits(); err != nil {
		t.Fatal(err)
	}
	return state, units
}

// A study that was written and read goes on exactly as one that was not.
func TestStudyGoesOnAfterARestart(t *testing.T) {
	for _, sh := range shapes() {
		sh.options.Segments = []string{"city"}
		list, _ := sh.samples(1600, 3, nil)
		list[100].Candidate, list[100].Failure = nil, "timeout"
		whole, first := study(t, sh.options), study(t, sh.options)
		add(t, whole, list)
		add(t, first, list[:1100])
		state, units := written(t, first)
		second, err := Restore(sh.options, state, units)
		if err != nil {
			t.Fatal(err)
		}
		add(t, second, list[1000:]) // a hundred units once more, which do not count
		want, wantUnits := written(t, whole)
		got, gotUnits := written(t, second)
		repeated := bytes.Replace(got, []byte(`"samples":1700,"repeated":100`), []byte(`"samples":1600,"repeated":0`), 1)
		if !bytes.Equal(want, repeated) || !bytes.Equal(wantUnits, gotUnits) {
			t.Errorf("%s: after a restart\n%.600s\nwithout\n%.600s", sh.name, repeated, want)
		}
		if len(got) > 1<<20 {
			t.Errorf("%s: the state has %d bytes", sh.name, len(got))
		}
	}
}

// What was counted by other rules, or is no state, is refused with what is wrong.
func TestRestoreRefuses(t *testing.T) {
	sh := shapes()[1]
	list, _ := sh.samples(50, 3, nil)
	s := study(t, sh.options)
	add(t, s, list)
	state, units := written(t, s)
	f := func(change func(o *Options), text, filter []byte, want string) {
		t.Helper()
		o := sh.options
		change(&o)
		if _, err := Restore(o, text, filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	same := func(*Options) {}
	f(func(o *Options) { o.Candidate.Digest = "c3" }, state, units, `cannot go on with the comparison of digits:2 with digits:1: its candidate was {"name":"digits","version":"2","digest":"b2"}, and is {"name":"digits","version":"2","digest":"c3"} now; begin a new one`)
	f(func(o *Options) { o.Primary.Version = "3" }, state, units, `its primary was`)
	f(func(o *Options) { o.Criteria = o.Criteria[:1] }, state, units, `its criteria was`)
	f(func(o *Options) { o.Again = false }, state, units, `its rules was`)
	f(func(o *Options) { o.UnitBytes = 1 << 20 }, state, units, `its filter of units has 65536 bytes, and now it has 1048576`)
	f(same, []byte("{"), units, `its state is none`)
	f(same, bytes.Replace(state, []byte(`"version":1`), []byte(`"version":9`), 1), units, `its state has version 9, and this program reads version 1`)
	f(same, state, units[:100], `cannot read the filter of units`)
	f(same, bytes.Replace(state, []byte(`"samples":50`), []byte(`"samples":5`), 1), units, `its state lacks outputs, device times or counts`)
	f(same, append(state[:len(state):len(state)], '1'), units, `its state is none`)
}

// FuzzRestore: no state brings a study down, and one that is taken can be added to and written.
func FuzzRestore(f *testing.F) {
	o := one(limit("y", "differs", 0.1), Criterion{Output: "y", Figure: "bias", Within: criteriaLimit(1)})
	o.UnitBytes, o.Again, o.Worst = 1<<10, true, 2
	s := study(f, o)
	for unit := range uint64(5) {
		x := sampleOf(unit, 1, 1+float32(unit))
		x.Again = x.Primary
		if err := s.Add(x); err != nil {
			f.Fatal(err)
		}
	}
	state, units := written(f, s)
	f.Add(state)
	f.Add(bytes.ReplaceAll(state, []byte(`"mean"`), []byte(`"shares"`)))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Restore(o, text, units)
		if err != nil {
			return
		}
		for unit := range uint64(3) {
			if err := s.Add(sampleOf(100+unit, 1, 2)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(s.Report(Coverage{})); err != nil {
			t.Fatal(err)
		}
	})
}
