package gateway

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/tensor"
	"sluice/internal/unit"
)

// units is a model with an input that names the unit.
func units(version string, kind tensor.DataType) *echo {
	inputs := []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 1}}, {Name: "user", Type: kind, Shape: []int64{-1, 1}}}
	schema := &tensor.Schema{Inputs: inputs, Outputs: inputs[:1], MaxBatch: 8, MaxRows: 8}
	return &echo{info: NewModelInfo(ModelInfo{Name: "echo", Version: version, Schema: schema, Unit: "user"})}
}

// rows is a request with those users.
func rows(kind tensor.DataType, users ...string) string {
	ones := strings.TrimSuffix(strings.Repeat("1,", len(users)), ",")
	return fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[%d,1],"data":[%s]},{"name":"user","datatype":"%s","shape":[%d,1],"data":[%s]}]}`,
		len(users), ones, kind, len(users), strings.Join(users, ","))
}

// chosen is how a request's version was chosen, and which it was.
func chosen(t *testing.T, live *echo, head, version, body string) (Exposure, string, *fault.Error) {
	t.Helper()
	var e Exposure
	answered := ""
	g, err := New(Options{Models: live, Ended: []Listener{{Name: "exposure", Ended: func(x *Exchange) { e, answered = x.Exposure, x.Model.Info().Version }}}})
	if err != nil {
		t.Fatal(err)
	}
	x := g.Get()
	x.Name, x.Format, x.Body, x.Arrived = []byte("echo"), V2, []byte(body), clock.Now()
	if head != "" {
		x.Head.Unit = []byte(head)
	}
	if version != "" {
		x.Version = []byte(version)
	}
	g.Predict(x)
	var f *fault.Error
	if x.Err != nil {
		f = fault.Of(x.Err)
	}
	g.End(x)
	if live.pins != 0 || live.canary != nil && live.canary.pins != 0 {
		t.Errorf("pins are left: %d, %+v", live.pins, live.canary)
	}
	return e, answered, f
}

func TestUnitsChooseTheVersion(t *testing.T) {
	live, canary := units("1", tensor.Int64), units("2", tensor.Int64)
	live.share, live.canary = 2500, canary
	got := [2]int{}
	for user := range 1000 {
		text := fmt.Sprint(user)
		hash := unit.Hash("echo", []byte(text))
		want := Exposure{Known: true, Hash: hash, Share: 2500, Canary: hash%unit.Buckets < 2500}
		version := "1"
		if want.Canary {
			version = "2"
			got[1]++
		}
		// The header and the input say the same, and the header is heard first.
		for _, ask := range [][2]string{{text, rows(tensor.Int64, "7", "8")}, {"", rows(tensor.Int64, text, text, text)}} {
			if e, answered, f := chosen(t, live, ask[0], "", ask[1]); e != want || answered != version || f != nil {
				t.Fatalf("unit %s: %+v by version %s, %v; want %+v", text, e, answered, f, want)
			}
		}
		if e, answered, f := chosen(t, live, text, "1", rows(tensor.Int64, "1")); e != (Exposure{Named: true, Known: true, Hash: hash}) || answered != "1" || f != nil {
			t.Fatalf("a version that is named: %+v by version %s, %v", e, answered, f)
		}
	}
	if got[1] < 200 || got[1] > 300 {
		t.Errorf("%d of 1000 units went to a canary with a quarter", got[1])
	}
}

func TestUnitOfAnInput(t *testing.T) {
	for _, c := range []struct {
		kind  tensor.DataType
		users []string
		unit  string // empty: none
		fault fault.Kind
	}{
		{tensor.Int64, []string{"-5", "-5"}, "-5", fault.None},
		{tensor.Uint64, []string{"18446744073709551615"}, "18446744073709551615", fault.None},
		{tensor.Int8, []string{"-5"}, "-5", fault.None},
		{tensor.Bytes, []string{`"anna"`, `"anna"`}, "anna", fault.None},
		{tensor.Bytes, []string{`""`}, "", fault.None},
		{tensor.Int64, []string{"1", "1", "2"}, "", fault.InvalidInputs},
		{tensor.Bytes, []string{`"a"`, `"ab"`}, "", fault.InvalidInputs},
		{tensor.Bytes, []string{`"ab"`, `"a"`}, "", fault.InvalidInputs},
		{tensor.Bytes, []string{`""`, `"a"`}, "", fault.InvalidInputs},
	} {
		e, _, f := chosen(t, units("1", c.kind), "", "", rows(c.kind, c.users...))
		want := Exposure{}
		if c.unit != "" {
			want = Exposure{Known: true, Hash: unit.Hash("echo", []byte(c.unit))}
		}
		if kind := kindOf(f); e != want || kind != c.fault {
			t.Errorf("%s %v: %+v, %v; want %+v, %v", c.kind, c.users, e, f, want, c.fault)
		} else if kind != fault.None && !strings.Contains(f.Error(), "'user'") {
			t.Errorf("%s %v: %v does not name the input", c.kind, c.users, f)
		}
	}
}

func kindOf(f *fault.Error) fault.Kind {
	if f == nil {
		return fault.None
	}
	return f.Kind
}

// Who names no unit, or whose canary is gone, is answered by the live version, and the exposure says so.
func TestWithoutUnitOrCanary(t *testing.T) {
	live := newEcho()
	if e, answered, f := chosen(t, live, "", "", echoBody); e != (Exposure{}) || answered != "1" || f != nil {
		t.Errorf("no canary, no unit: %+v by %s, %v", e, answered, f)
	}
	live.share = unit.Buckets
	e, answered, f := chosen(t, live, "", "", echoBody)
	if e != (Exposure{Share: unit.Buckets}) || answered != "1" || f != nil || string(e.AppendTag(nil)) != ";bucket=none;share=1" {
		t.Errorf("no unit: %+v by %s, %v", e, answered, f)
	}
	e, answered, f = chosen(t, live, "u", "", echoBody)
	want := Exposure{Known: true, Hash: unit.Hash("echo", []byte("u")), Share: unit.Buckets}
	if e != want || answered != "1" || f != nil || string(e.AppendTag(nil)) != fmt.Sprintf(";bucket=%d;share=1", want.Hash%unit.Buckets) {
		t.Errorf("a canary that is gone: %+v by %s, %v", e, answered, f)
	}
	if _, _, f := chosen(t, live, strings.Repeat("u", maxUnit+1), "", echoBody); kindOf(f) != fault.InvalidParameter || !strings.Contains(f.Error(), "the limit is 256") {
		t.Errorf("a long unit: %v", f)
	}
}
