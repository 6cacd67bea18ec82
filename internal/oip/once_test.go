package oip

import (
	"fmt"
	"slices"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// The parts of a request to ranking, in JSON.
func user(rows int, data string) string {
	return fmt.Sprintf(`{"name":"user","datatype":"UINT8","shape":[%d,2],"data":%s}`, rows, data)
}

func items(rows int, data string) string {
	return fmt.Sprintf(`{"name":"items","datatype":"UINT8","shape":[%d,1],"data":%s}`, rows, data)
}

func tags(rows int, data string) string {
	return fmt.Sprintf(`{"name":"tags","datatype":"BYTES","shape":[%d,1],"data":%s}`, rows, data)
}

func TestOnce(t *testing.T) {
	const a, aa = `"\x01\x00\x00\x00a"`, `"\x01\x00\x00\x00a\x01\x00\x00\x00a"`
	f := func(rows int64, body string, headerLen int, want decoded) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(ranking(rows), "m", []byte(body), headerLen, nil, tk); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got := show(tk); got != want {
			t.Errorf("%s\ngot  %v\nwant %v", body, got, want)
		}
	}
	one := decoded{3, [3]string{`1 "\x01\x02"`, `3 "abc"`, "1 " + a}}
	parts := []string{user(1, "[1,2]"), items(3, "[97,98,99]"), tags(1, `["a"]`)}
	for _, rows := range []int64{-1, 1} {
		f(rows, withInputs(parts...), -1, one)
		f(rows, withInputs(parts[1], parts[2], parts[0]), -1, one)
		f(rows, withInputs(parts[2], parts[0], parts[1]), -1, one)
		f(rows, withInputs(user(1, "[1,2]"), items(1, "[97]"), tags(1, `["a"]`)), -1, decoded{1, [3]string{`1 "\x01\x02"`, `1 "a"`, "1 " + a}})
	}
	// Rows that are given for each row stay, unless a run takes one alone.
	repeated := withInputs(user(2, "[1,2,1,2]"), items(2, "[97,98]"), tags(2, `["a","a"]`))
	f(-1, repeated, -1, decoded{2, [3]string{`2 "\x01\x02\x01\x02"`, `2 "ab"`, "2 " + aa}})
	f(1, repeated, -1, decoded{2, [3]string{`1 "\x01\x02"`, `2 "ab"`, "1 " + a}})
	f(-1, withInputs(user(2, "[1,2,3,4]"), items(2, "[97,98]"), tags(1, `["a"]`)), -1, decoded{2, [3]string{`2 "\x01\x02\x03\x04"`, `2 "ab"`, "1 " + a}})

	header := withInputs(`{"name":"user","datatype":"UINT8","shape":[1,2],"parameters":{"binary_data_size":2}}`,
		`{"name":"tags","datatype":"BYTES","shape":[3,1],"parameters":{"binary_data_size":15}}`,
		`{"name":"items","datatype":"UINT8","shape":[3,1],"parameters":{"binary_data_size":3}}`)
	f(1, header+"\x01\x02\x01\x00\x00\x00a\x01\x00\x00\x00a\x01\x00\x00\x00aabc", len(header), one)
}

func TestOnceFaults(t *testing.T) {
	f := func(rows int64, want fault.Kind, text string, inputs ...string) {
		t.Helper()
		decodeFault(t, ranking(rows), withInputs(inputs...), -1, want, text)
	}
	three, tag := items(3, "[1,2,3]"), tags(1, `["a"]`)
	for _, rows := range []int64{-1, 1} {
		for _, two := range [][]string{{user(2, "[1,2,1,2]"), three, tag}, {three, tag, user(2, "[1,2,1,2]")}} {
			f(rows, fault.BatchMismatch, "input 'user' batch size does not match other inputs for 'simple': got 2, others have 3; it is given once per request, so 1 will do", two...)
		}
		f(rows, fault.InvalidShape, "input 'user' has no rows", user(0, "[]"), three, tag)
		f(rows, fault.BatchTooLarge, "batch-size must be <= 8 for 'simple', got 9", user(9, "[1,2]"), three, tag)
		f(rows, fault.WrongShape, "unexpected shape for input 'user'", `{"name":"user","datatype":"UINT8","shape":[1,3],"data":[1,2,3]}`, three, tag)
		f(rows, fault.WrongShape, "unexpected shape for input 'user'", `{"name":"user","datatype":"UINT8","shape":[2],"data":[1,2]}`, three, tag)
		f(rows, fault.MissingInput, "missing required input(s) ['user']", three, tag)
	}
	f(1, fault.BatchMismatch, "input 'user' of model 'simple' is given once per request, but its 3 rows differ", user(3, "[1,2,1,2,1,3]"), three, tag)
	f(1, fault.BatchMismatch, "input 'tags' of model 'simple' is given once per request, but its 3 rows differ", user(1, "[1,2]"), three, tags(3, `["ab","a","abc"]`))
	f(1, fault.BatchMismatch, "its 3 rows differ", user(1, "[1,2]"), three, tags(3, `["a","b","a"]`))
}

// Where all inputs are given once, the request is one row, or as many as are given.
func TestOnceAlone(t *testing.T) {
	f := func(axis int64, body string, headerLen int, rows int, want fault.Kind) {
		t.Helper()
		s := identity(tensor.Uint8, 8)
		s.Inputs[0].Once, s.Inputs[0].Shape = true, []int64{axis, -1}
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(s, "m", []byte(body), headerLen, nil, tk)
		if want != fault.None && !fault.Is(err, want) || want == fault.None && (err != nil || tk.Rows != rows) {
			t.Errorf("axis 0 of %d, %s: got %d rows and %v, want %d and %s", axis, body, tk.Rows, err, rows, want.Code())
		}
	}
	f(-1, withInputs(`{"name":"INPUT0","datatype":"UINT8","shape":[1,2],"data":[1,2]}`), -1, 1, fault.None)
	f(-1, withInputs(`{"name":"INPUT0","datatype":"UINT8","shape":[2,1],"data":[1,2]}`), -1, 2, fault.None)
	f(1, withInputs(`{"name":"INPUT0","datatype":"UINT8","shape":[1,2],"data":[1,2]}`), -1, 1, fault.None)
	f(1, withInputs(`{"name":"INPUT0","datatype":"UINT8","shape":[2,1],"data":[1,2]}`), -1, 0, fault.BatchMismatch)
	f(-1, "ab", 0, 1, fault.None)
	f(1, "ab", 0, 1, fault.None)
}

// Requests share a run if what a run has once is equal in them, byte by byte.
func TestOnceShapeKey(t *testing.T) {
	key := func(rows int64, inputs ...string) uint64 {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(ranking(rows), "m", []byte(withInputs(inputs...)), -1, nil, tk); err != nil {
			t.Fatal(err)
		}
		return tk.ShapeKey
	}
	f := func(rows int64, same bool, a, b []string) {
		t.Helper()
		if x, y := key(rows, a...), key(rows, b...); (x == y) != same {
			t.Errorf("axis 0 of %d: %v and %v have the keys %x and %x, want the same: %v", rows, a, b, x, y, same)
		}
	}
	base := []string{user(1, "[1,2]"), items(1, "[1]"), tags(1, `["a"]`)}
	with := func(changed int, part string) []string {
		b := slices.Clone(base)
		b[changed] = part
		return b
	}
	for _, rows := range []int64{-1, 1} {
		f(rows, true, base, with(1, items(3, "[4,5,6]")))
		f(rows, true, base, []string{user(2, "[1,2,1,2]"), items(2, "[1,2]"), tags(2, `["a","a"]`)})
		f(rows, rows < 0, base, with(0, user(1, "[1,3]")))
		f(rows, rows < 0, base, with(0, user(1, "[2,1]")))
		f(rows, rows < 0, base, with(2, tags(1, `["b"]`)))
	}
}
