package result

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// fill sets every field to a value of its own, so that a round trip loses none unseen.
func fill(v reflect.Value, next *int) {
	*next++
	if at, is := v.Addr().Interface().(*time.Time); is {
		*at = time.Unix(int64(*next), 0).UTC()
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), next)
		fill(v.Index(1), next)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("<200 & \"all\">"), reflect.ValueOf(int64(*next)))
	case reflect.String:
		v.SetString(strings.Repeat("x", *next%7) + "µ\x01")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*next) / 3)
	case reflect.Uint64:
		v.SetUint(math.MaxUint64 - uint64(*next))
	default:
		v.SetInt(int64(*next))
	}
}

func TestRoundTrip(t *testing.T) {
	var full Result
	next := 0
	fill(reflect.ValueOf(&full).Elem(), &next)
	for _, r := range []*Result{&full, {}, closedRun()} {
		var b bytes.Buffer
		if err := Write(&b, r); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		want := *r
		want.Schema = Schema
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
}

func TestWhatIsNoResultIsRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cannot read the result: ") {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	head := `{"schema":"` + Schema + `",` + "\n"
	f("", "it is empty")
	f(" \n", "it is empty")
	f("p99", "line 1: invalid character")
	f("{}", "it names no schema, so it is not one of sluice loadtest")
	f("[]", "cannot unmarshal array")
	f(`{"schema":"sluice-loadtest/2","new":1}`, `its schema is "sluice-loadtest/2" and this version reads "sluice-loadtest/1"`)
	f(`{"schema":7}`, "cannot unmarshal number")
	f(head+`"speed":1}`, `unknown field "speed"`)
	f(head+`"response":{"p99":1}}`, `unknown field "p99"`)
	f(head+"\n"+`"ledger":{"ok":1.5}}`, "line 3: json: cannot unmarshal number 1.5")
	f(head+`"response":{"mean_ms":1e999}}`, "line 2: json: cannot unmarshal number 1e999")
	f(head+`"verdict":""} {}`, "line 2: invalid character '{' after top-level value")
	f(head[:20], "unexpected end")
	if _, err := Read(iotest.ErrReader(errors.New("the disk is gone"))); err == nil || err.Error() != "cannot read the result: the disk is gone" {
		t.Errorf("error %v", err)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	r := run()
	r.Response.Mean = math.NaN()
	if err := Write(&bytes.Buffer{}, r); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("error %v", err)
	}
	if err := Write(full{}, run()); err == nil || err.Error() != "cannot write the result: no space left" {
		t.Errorf("error %v", err)
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, closedRun()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":"sluice-loadtest/1","series":[{"outcomes":{"ok":9223372036854775807,"lost":9}}],"ab":{},"refusals":{}}`))
	f.Add([]byte(`{"schema":"sluice-loadtest/1","thresholds":[{}],"capacity":{"capacity_per_s":1e308}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		// Whatever was read can be judged, told and written again.
		_ = Verdict(r)
		for _, expr := range []string{"p99<1ms", "err<1%", "timeout<1% for 1s", "max<1ms for 2s"} {
			c, err := ParseThreshold(expr)
			if err != nil {
				t.Fatal(err)
			}
			c.Check(r)
			Aborts([]Condition{c}, r.Series)
			Shortages([]Condition{c}, r)
		}
		var first, second bytes.Buffer
		if err := Write(&first, r); err != nil {
			t.Fatal(err)
		}
		again, err := Read(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(&second, again); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("a second round trip gives something else: %v", err)
		}
	})
}
