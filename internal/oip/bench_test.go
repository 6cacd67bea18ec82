package oip

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// mlp is the benchmark's model: 256 floats in, one out.
func mlp() *tensor.Schema {
	return &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "input", Type: tensor.FP32, Shape: []int64{-1, 256}}},
		Outputs:  []tensor.Spec{{Name: "output", Type: tensor.FP32, Shape: []int64{-1, 1}}},
		MaxBatch: 64, MaxRows: 64,
	}
}

// floatsList is a JSON array of 256 floats, written by text.
func floatsList(text func(dst []byte, v float32) []byte) string {
	rng := rand.New(rand.NewPCG(1, 2))
	list := []byte{'['}
	for i := range 256 {
		if i > 0 {
			list = append(list, ',')
		}
		list = text(list, float32(rng.NormFloat64()))
	}
	return string(append(list, ']'))
}

// floatsBody is a JSON request of 256 floats.
func floatsBody(text func(dst []byte, v float32) []byte) []byte {
	return []byte(`{"inputs":[{"name":"input","shape":[1,256],"datatype":"FP32","data":` + floatsList(text) + `}]}`)
}

func sixDecimals(dst []byte, v float32) []byte {
	return strconv.AppendFloat(dst, float64(v), 'f', 6, 64)
}

func widened(dst []byte, v float32) []byte {
	return strconv.AppendFloat(dst, float64(v), 'g', -1, 64)
}

func shortest(dst []byte, v float32) []byte {
	return strconv.AppendFloat(dst, float64(v), 'g', -1, 32)
}

// binaryBody is a request as perf_analyzer writes it.
func binaryBody(output string) (body []byte, headerLen int) {
	body = []byte(`{"id":"","inputs":[{"name":"input","shape":[1,256],"datatype":"FP32","parameters":{"binary_data_size":1024}}],"outputs":[{"name":"` + output + `","parameters":{"binary_data":true}}]}`)
	headerLen = len(body)
	for i := range 256 {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(i)/3))
	}
	return body, headerLen
}

func benchmarkDecode(b *testing.B, s *tensor.Schema, body []byte, headerLen int) {
	var r Request
	tk := task.Get()
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r.Reset()
		tk.Arena.Reset()
		if err := r.Decode(s, "mlp", body, headerLen, nil, tk); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	b.Run("json-6-decimals", func(b *testing.B) { benchmarkDecode(b, mlp(), floatsBody(sixDecimals), -1) })
	b.Run("json-shortest", func(b *testing.B) { benchmarkDecode(b, mlp(), floatsBody(shortest), -1) })
	b.Run("json-widened", func(b *testing.B) { benchmarkDecode(b, mlp(), floatsBody(widened), -1) })
	b.Run("json-nested", func(b *testing.B) {
		body := bytes.Replace(bytes.Replace(floatsBody(sixDecimals), []byte(`"data":[`), []byte(`"data":[[`), 1), []byte("]}]"), []byte("]]}]"), 1)
		benchmarkDecode(b, mlp(), body, -1)
	})
	b.Run("json-int64", func(b *testing.B) {
		s := mlp()
		s.Inputs[0].Type = tensor.Int64
		integers := func(dst []byte, v float32) []byte { return strconv.AppendInt(dst, int64(v*10000), 10) }
		benchmarkDecode(b, s, bytes.Replace(floatsBody(integers), []byte("FP32"), []byte("INT64"), 1), -1)
	})
	b.Run("json-fp64", func(b *testing.B) {
		s := mlp()
		s.Inputs[0].Type = tensor.FP64
		benchmarkDecode(b, s, bytes.Replace(floatsBody(sixDecimals), []byte("FP32"), []byte("FP64"), 1), -1)
	})
	b.Run("binary", func(b *testing.B) {
		body, n := binaryBody("output")
		benchmarkDecode(b, mlp(), body, n)
	})
}

func BenchmarkDecodeV1(b *testing.B) {
	body := []byte(`{"instances":[` + floatsList(sixDecimals) + `]}`)
	var r v1.Request
	s, tk := mlp(), task.Get()
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		tk.Arena.Reset()
		if err := r.Decode(s, "mlp", body, nil, tk); err != nil {
			b.Fatal(err)
		}
	}
}

// answered decodes a request and gives its task one output.
func answered(tb testing.TB, r *Request, s *tensor.Schema, body []byte, headerLen int) *task.Task {
	tk := task.Get()
	if err := r.Decode(s, "mlp", body, headerLen, nil, tk); err != nil {
		tb.Fatal(err)
	}
	tk.Reserve(1)
	spec := &s.Outputs[0]
	elements := int(spec.Shape[1])
	data := make([]byte, 4*elements)
	for i := range elements {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(float32(math.Sin(float64(i+1)))))
	}
	if err := tk.SetRows(0, spec, spec.Shape[1:], 0, 1, data); err != nil {
		tb.Fatal(err)
	}
	return tk
}

func BenchmarkAppendResponse(b *testing.B) {
	f := func(name string, elements int64, body []byte, headerLen int) {
		b.Run(name, func(b *testing.B) {
			s := mlp()
			s.Outputs[0].Shape[1] = elements
			var r Request
			tk := answered(b, &r, s, body, headerLen)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, _, err = r.AppendResponse(dst[:0], s, "mlp", "1", tk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	body, n := binaryBody("output")
	f("binary-1", 1, body, n)
	f("json-1", 1, floatsBody(sixDecimals), -1)
	f("json-256", 256, floatsBody(sixDecimals), -1)
}
