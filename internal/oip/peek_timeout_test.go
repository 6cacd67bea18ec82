package oip

import (
	"strings"
	"testing"
	"time"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestPeekTimeout(t *testing.T) {
	const input = `{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1,-2.5e3]}`
	long := `{"name":"INPUT0","datatype":"FP32","shape":[1,4000],"data":[` + strings.Repeat("1,", 3999) + `1]}`
	f := func(body string, want time.Duration, known bool) {
		t.Helper()
		if got, ok := PeekTimeout([]byte(body)); got != want || ok != known {
			t.Errorf("%.200s: got %v, %v, want %v, %v", body, got, ok, want, known)
		}
	}
	f(`{"parameters":{"timeout":5000000},"inputs":[`+input+`]}`, 5*time.Second, true)
	f(` { "id" : "a\"}{" , "parameters" : { "x" : {"timeout":1,"y":[{},"]"]} , "timeout" : 7 } }`, 7*time.Microsecond, true)
	f(`{"inputs":[`+input+`],"outputs":[{"name":"y","parameters":{"timeout":3}}],"parameters":{"priority":1,"timeout":9}}`, 9*time.Microsecond, true)
	f(`{"inputs":[`+input+`],"parameters":{"timeout":0}}`, 0, true)
	f(`{"inputs":[`+input+`],"parameters":{"timeout":18446744073709551615}}`, 9223372036854775*time.Microsecond, true)
	f(`{"inputs":[`+input+`],"parameters":{"timeouts":3}}`, 0, true)
	f(`{"inputs":[`+input+`],"parameters":{}}`, 0, true)
	f(`{"inputs":[`+input+`],"parameters":null}`, 0, true)
	f(`{"inputs":[`+input+`]}`, 0, true)
	f(`{"timeout":5,"inputs":[`+input+`]}`, 0, true)
	f(`{}`, 0, true)
	// What cannot be trusted.
	f(`{"inputs":[`+long+`],"parameters":{"timeout":5}}`, 0, false)
	f(`{"inputs":[`+long+`]}`, 0, false)
	f(`{"parameters":{"timeout":5},"inputs":[`+long+`]}`, 5*time.Microsecond, true)
	f(`{"parameters":{"x":"`+strings.Repeat("x", peekWithin-32)+`","timeout":50000`, 0, false)
	f(`{"par\u0061meters":{"timeout":5},"inputs":[]}`, 0, false)
	f(`{"parameters":{"time\u006fut":5},"inputs":[]}`, 0, false)
	for _, odd := range []string{`-5`, `1.5`, `1e3`, `"5"`, `null`, `18446744073709551616`, `5x`, `05`, `[5]`, ``} {
		f(`{"parameters":{"timeout":`+odd+`},"inputs":[]}`, 0, false)
	}
	for _, odd := range []string{``, `[`, `{`, `{"`, `{"parameters"`, `{"parameters":`, `{"parameters":{`, `{"parameters":{"timeout"`, `{"parameters":{"timeout":5`, `{"parameters":[{"timeout":5}]}`, `{"a":]`, `{"a":,`, `{"a" "b"}`, "\xff"} {
		f(odd, 0, false)
	}
}

func TestMayHaveTimeout(t *testing.T) {
	f := func(body string, want bool) {
		t.Helper()
		if got := MayHaveTimeout([]byte(body)); got != want {
			t.Errorf("%s: got %v", body, got)
		}
	}
	f(`{"parameters":{"timeout":5}}`, true)
	f(`{"parameters":{"\u0074imeout":5}}`, true)
	f(`{"parameters":{"timeouts":5,"xtimeout":1}}`, false)
	f(``, false)
}

func TestPeekTimeoutAllocations(t *testing.T) {
	body := []byte(`{"id":"x","inputs":[{"name":"a","data":[1,2,3]}],"parameters":{"priority":1,"timeout":5000}}`)
	long := []byte(`{"inputs":[{"name":"a","data":[` + strings.Repeat("1,", 1<<16) + `1]}]}`)
	if n := testing.AllocsPerRun(100, func() {
		PeekTimeout(body)
		PeekTimeout(long)
		MayHaveTimeout(long)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzPeekTimeout holds the look against the decoder: of a request that decodes, what it claims
// to know is so, and where it rules a timeout out there is none.
func FuzzPeekTimeout(f *testing.F) {
	const input = `"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":[1]}]`
	for _, body := range []string{
		`{"parameters":{"timeout":5},` + input + `}`, `{` + input + `,"parameters":{"a":{"timeout":[1,"}"]},"timeout":7}}`, `{` + input + `}`,
		`{"\u0070arameters":{"time\u006fut":5},` + input + `}`, `{"parameters":null,` + input + `}`, `{"x":"\\\"","parameters":{"timeout":18446744073709551615},` + input + `}`,
		`{"id":"parameters","timeout":5,` + input + `,"parameters":{"timeout":0}}`, ` {"a":[NaN,{"b":"]"}] , ` + input + ` } `,
	} {
		f.Add([]byte(body))
	}
	s := identity(tensor.FP32, 8)
	f.Fuzz(func(t *testing.T, body []byte) {
		budget, known := PeekTimeout(body)
		may := MayHaveTimeout(body)
		var r Request
		tk := task.Get()
		defer tk.Release()
		if len(body) == 0 || r.Decode(s, "m", body, -1, nil, tk) != nil {
			return
		}
		if known && budget != r.Budget {
			t.Fatalf("%q: found %v, and the decoder %v", body, budget, r.Budget)
		}
		if !known && budget != 0 {
			t.Fatalf("%q: %v without knowing it", body, budget)
		}
		if !may && r.Budget != 0 {
			t.Fatalf("%q: a timeout of %v was ruled out", body, r.Budget)
		}
	})
}
