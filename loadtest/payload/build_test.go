package payload

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/oip"
	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/loadtest/engine"
)

// zoo is a model with an input and an output of every type.
func zoo(skipHalves bool) *Model {
	m := &Model{Target: Target{URL: "http://h:1", Addr: "h:1", Host: "h:1"}, Name: "zoo"}
	for _, kind := range tensor.DataTypes {
		if skipHalves && (kind == tensor.FP16 || kind == tensor.BF16) {
			continue
		}
		spec := tensor.Spec{Name: "in_" + kind.String(), Type: kind, Shape: []int64{-1, 3}}
		m.Inputs = append(m.Inputs, spec)
		spec.Name = "out_" + kind.String()
		m.Outputs = append(m.Outputs, spec)
	}
	return m
}

func (m *Model) schema() *tensor.Schema {
	return &tensor.Schema{Inputs: m.Inputs, Outputs: m.Outputs, MaxBatch: 64, MaxRows: 64}
}

// fatal is what testing and rapid have in common.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// parse reads prepared bytes as an HTTP server does.
func parse(t fatal, p engine.Payload) (*http.Request, []byte) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(p.Bytes))
	r, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%q: %v", p.Bytes, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if rest, _ := io.ReadAll(in); len(rest) > 0 || int64(len(body)) != r.ContentLength {
		t.Fatalf("%d bytes of body in a length of %d, %d bytes left over", len(body), r.ContentLength, len(rest))
	}
	return r, body
}

// decode reads a prepared infer request with the server's own decoder.
func decode(t fatal, m *Model, p engine.Payload) (*oip.Request, *task.Task) {
	t.Helper()
	r, body := parse(t, p)
	var value []byte
	if text := r.Header.Get("Inference-Header-Content-Length"); text != "" {
		value = []byte(text)
	}
	n, err := oip.ParseHeaderLength(value, len(body))
	if err != nil {
		t.Fatalf("%v", err)
	}
	request, tk := &oip.Request{}, task.Get()
	if err := request.Decode(m.schema(), m.Name, body, n, nil, tk); err != nil {
		t.Fatalf("the server cannot read %q: %v", body, err)
	}
	return request, tk
}

func TestBuildIsReadByServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := zoo(false)
		o := Options{
			Protocol: rapid.SampledFrom([]Protocol{JSON, Binary}).Draw(t, "protocol"),
			Source:   rapid.SampledFrom([]string{"", "random:wide", "zero"}).Draw(t, "source"),
			Dims:     map[string]Dim{"batch": {low: 1, high: 5}},
			Variants: rapid.IntRange(1, 12).Draw(t, "variants"),
			Seed:     rapid.Uint64().Draw(t, "seed"),
			Timeout:  3 * time.Millisecond, Priority: 1, Budget: 2500 * time.Microsecond,
			Headers: []string{"X-A: b"},
		}
		s, err := Build(m, o)
		if err != nil {
			t.Fatal(err)
		}
		for v, p := range s.Payloads {
			copy(p.Bytes[p.ID:], "0123456789abcdef")
			r, tk := decode(t, m, p)
			if string(r.ID) != "0123456789abcdef" || r.Budget != o.Timeout || r.Priority != 1 {
				t.Fatalf("got id %q, timeout %v, priority %d", r.ID, r.Budget, r.Priority)
			}
			for i, want := range s.Rows[v].Inputs {
				if got := tk.Inputs[i]; !bytes.Equal(got.Data, want.Data) || !slices.Equal(got.Shape, want.Shape) {
					t.Fatalf("variant %d input %s: got %v %x, want %v %x", v, want.Name, got.Shape, got.Data, want.Shape, want.Data)
				}
				half := m.Outputs[i].Type == tensor.FP16 || m.Outputs[i].Type == tensor.BF16
				if r.Outputs[i].Binary != (o.Protocol == Binary || half) {
					t.Fatalf("output %s is asked for as binary=%v", m.Outputs[i].Name, r.Outputs[i].Binary)
				}
			}
			tk.Release()
		}
		again, err := Build(m, o)
		if err != nil {
			t.Fatal(err)
		}
		for v := range again.Payloads {
			// The identity was written into the first one.
			copy(again.Payloads[v].Bytes[again.Payloads[v].ID:], "0123456789abcdef")
			if !bytes.Equal(again.Payloads[v].Bytes, s.Payloads[v].Bytes) {
				t.Fatalf("variant %d: the same seed gives other bytes", v)
			}
		}
	})
}

// TestWire holds the bytes of a small request, head and all.
func TestWire(t *testing.T) {
	m := &Model{Target: Target{Addr: "h:1", Host: "h:1", Base: "/base"}, Name: "a b", Version: "3", Inputs: []tensor.Spec{{Name: "x", Type: tensor.Int8, Shape: []int64{-1}}}, Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}}}
	f := func(o Options, want string) {
		t.Helper()
		o.Variants, o.Source = 1, "zero"
		s, err := Build(m, o)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(string(s.Payloads[0].Bytes), "\r\n", "\n")
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if id := s.Payloads[0].ID; id >= 0 && string(s.Payloads[0].Bytes[id:id+16]) != noIdentity {
			t.Errorf("the identity's place is %q", s.Payloads[0].Bytes[id:id+16])
		}
	}
	f(Options{Headers: []string{"A: b"}, Budget: 1500 * time.Microsecond}, `POST /base/v2/models/a%20b/versions/3/infer HTTP/1.1
Host: h:1
User-Agent: sluice-loadtest
Content-Type: application/json
Content-Length: 90
Sluice-Budget-Ms: 1.5
A: b

{"id":"0000000000000000","inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[0]}]}`)
	f(Options{Protocol: Binary}, `POST /base/v2/models/a%20b/versions/3/infer HTTP/1.1
Host: h:1
User-Agent: sluice-loadtest
Content-Type: application/octet-stream
Inference-Header-Content-Length: 174
Content-Length: 175

{"id":"0000000000000000","inputs":[{"name":"x","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`+"\x00")
	f(Options{Protocol: V1}, `POST /base/v1/models/a%20b/versions/3:predict HTTP/1.1
Host: h:1
User-Agent: sluice-loadtest
Content-Type: application/json
Content-Length: 17

{"instances":[0]}`)
}

// TestV1IsReadByServer holds the V1 form against the server's decoder, by rows and columns.
func TestV1IsReadByServer(t *testing.T) {
	f := func(name string, m *Model, rowWise bool) {
		t.Helper()
		s, err := Build(m, Options{Protocol: V1, Variants: 20, Source: "random:wide", Dims: map[string]Dim{"batch": {low: 1, high: 4}}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for v, p := range s.Payloads {
			_, body := parse(t, p)
			var r v1.Request
			tk := task.Get()
			if err := r.Decode(m.schema(), "m", body, nil, tk); err != nil {
				t.Fatalf("%s: the server cannot read %s: %v", name, body, err)
			}
			if r.Row != rowWise {
				t.Errorf("%s: got row %v", name, r.Row)
			}
			for i, want := range s.Rows[v].Inputs {
				if got := tk.Inputs[i]; !bytes.Equal(got.Data, want.Data) || !slices.Equal(got.Shape, want.Shape) {
					t.Fatalf("%s input %s: got %v %x, want %v %x", name, want.Name, got.Shape, got.Data, want.Shape, want.Data)
				}
			}
			tk.Release()
		}
	}
	f("every type", zoo(true), true)
	one := zoo(true)
	one.Inputs, one.Outputs = one.Inputs[:1], one.Outputs[:1]
	f("one input", one, true)
	if _, err := Build(zoo(false), Options{Protocol: V1}); err == nil || !strings.Contains(err.Error(), `input "in_FP16"`) {
		t.Errorf("got %v for FP16", err)
	}
}

func TestBuildRefusals(t *testing.T) {
	m := &Model{Name: "m", Inputs: []tensor.Spec{
		{Name: "x", Type: tensor.FP32, Shape: []int64{-1, -1}}, {Name: "n", Type: tensor.Int8, Shape: []int64{4}},
	}}
	f := func(name string, o Options, want string) {
		t.Helper()
		_, err := Build(m, o)
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	shapes := func(name string, dims ...int64) map[string][]int64 { return map[string][]int64{name: dims} }
	dims := func(key string, n int64) map[string]Dim { return map[string]Dim{key: {low: n, high: n}} }
	f("free", Options{}, `input "x" has a free dimension 1 in its shape [-1,-1]: give it a length with --shape x=... or --dim x.1=...`)
	f("no such input", Options{Shapes: shapes("y", 1)}, `shape of "y": model "m" has no such input; it has "x", "n"`)
	f("no such dim", Options{Dims: dims("y.1", 1)}, `dim y.1: model "m" has no such input or axis`)
	f("no such axis", Options{Dims: dims("x.2", 1)}, `dim x.2: model "m" has no such input or axis`)
	f("rank", Options{Shapes: shapes("x", 1)}, `shape [1] does not fit input "x" of model "m", whose shape is [-1,-1]`)
	f("fixed", Options{Shapes: map[string][]int64{"x": {1, 2}, "n": {5}}}, `does not fit input "n"`)
	f("fixed dim", Options{Shapes: shapes("x", 1, 2), Dims: dims("n.0", 5)}, `input "n" has a fixed dimension 0 of 4`)
	f("no batch", Options{Shapes: shapes("x", 1, 2), Dims: dims("batch", 2)}, `input "n" has a fixed first dimension of 4`)
	f("large", Options{Shapes: shapes("x", 1<<20, 1<<10)}, `input "x" of shape [1048576,1024] is more than the limit of 67108864 bytes`)
	f("variants", Options{Variants: 1 << 17}, "from 1 to 65536")
	f("source", Options{Source: "golden"}, `payload source "golden"`)
	f("no file", Options{Source: "golden:/no/such"}, "cannot read rows")
	f("header", Options{Headers: []string{"nope"}}, `header "nope"`)
	f("header twice", Options{Headers: []string{"content-length: 1"}}, "the tool writes content-length itself")
	f("header split", Options{Headers: []string{"A: b\r\nC: d"}}, "give it as")
	f("range", Options{Shapes: shapes("x", 1, 2), Range: &Range{0, 1000}}, `input "n" is INT8 and takes whole numbers from -128 to 127`)
	f("range without whole numbers", Options{Shapes: shapes("x", 1, 2), Range: &Range{0.1, 0.9}}, `input "n" is INT8`)
	f("range of zeros", Options{Shapes: shapes("x", 1, 2), Source: "zero", Range: &Range{0, 1}}, "a range is for random values only")
}
