package verify

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/oip"
	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// target is a server with one model that speaks V2 and V1: y is 2x+1, n is x rounded down,
// and s is n as text. What it says is spoilt as the tests want.
type target struct {
	schema  *tensor.Schema
	version atomic.Pointer[string]
	asked   atomic.Int64
	// noID answers without the request's id; noTag without Sluice-Model.
	noID, noTag bool
	// spoil changes outputs before they are written.
	spoil func(call int64, outputs []tensor.Tensor)
	// refuse answers with a status instead; 0 does not.
	refuse func(call int64) int
}

func newTarget() *target {
	s := &target{schema: &tensor.Schema{MaxBatch: 64, MaxRows: 64}}
	s.schema.Inputs = []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}}
	s.schema.Outputs = []tensor.Spec{
		{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 4}}, {Name: "n", Type: tensor.Int64, Shape: []int64{-1, 4}}, {Name: "s", Type: tensor.Bytes, Shape: []int64{-1, 4}},
	}
	version := "1"
	s.version.Store(&version)
	return s
}

func (s *target) outputs(in *tensor.Tensor) []tensor.Tensor {
	out := make([]tensor.Tensor, 3)
	for i, spec := range s.schema.Outputs {
		out[i] = tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: append([]int64{}, in.Shape...)}
	}
	for i := range len(in.Data) / 4 {
		x := tensor.FloatAt(tensor.FP32, in.Data, i)
		n := int64(math.Floor(x))
		out[0].Data = tensor.AppendFloat(out[0].Data, tensor.FP32, 2*x+1)
		out[1].Data = binary.LittleEndian.AppendUint64(out[1].Data, uint64(n))
		out[2].Data = tensor.AppendBytes(out[2].Data, strconv.FormatInt(n, 10))
	}
	return out
}

func (s *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := s.asked.Add(1)
	if s.refuse != nil {
		if status := s.refuse(call); status != 0 {
			http.Error(w, `{"error":"not now"}`, status)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	tk := task.Get()
	defer tk.Release()
	var answer []byte
	jsonLen := 0
	if err == nil && strings.HasPrefix(r.URL.Path, "/v1/") {
		answer, err = s.answerV1(call, body, tk)
	} else if err == nil {
		answer, jsonLen, err = s.answer(call, r, body, tk)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if jsonLen > 0 {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Inference-Header-Content-Length", strconv.Itoa(jsonLen))
	}
	if !s.noTag {
		w.Header().Set("Sluice-Model", "m;version="+*s.version.Load()+";digest=d"+*s.version.Load())
	}
	_, _ = w.Write(answer)
}

func (s *target) answer(call int64, r *http.Request, body []byte, tk *task.Task) ([]byte, int, error) {
	var value []byte
	if text := r.Header.Get("Inference-Header-Content-Length"); text != "" {
		value = []byte(text)
	}
	n, err := oip.ParseHeaderLength(value, len(body))
	if err != nil {
		return nil, 0, err
	}
	var request oip.Request
	if err := request.Decode(s.schema, "m", body, n, nil, tk); err != nil {
		return nil, 0, err
	}
	if s.noID {
		request.ID = nil
	}
	s.enter(call, tk)
	return request.AppendResponse(nil, s.schema, "m", *s.version.Load(), tk)
}

func (s *target) answerV1(call int64, body []byte, tk *task.Task) ([]byte, error) {
	var request v1.Request
	if err := request.Decode(s.schema, "m", body, nil, tk); err != nil {
		return nil, err
	}
	s.enter(call, tk)
	return request.AppendResponse(nil, s.schema, tk)
}

func (s *target) enter(call int64, tk *task.Task) {
	outputs := s.outputs(&tk.Inputs[0])
	if s.spoil != nil {
		s.spoil(call, outputs)
	}
	tk.Reserve(len(outputs))
	for i := range outputs {
		tk.SetWhole(i, &s.schema.Outputs[i], outputs[i].Shape, outputs[i].Data)
	}
}

// start serves the target and prepares requests for it.
func (s *target) start(t testing.TB, o payload.Options) *payload.Set {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	address, err := payload.ParseTarget(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	set, err := payload.Build(&payload.Model{Target: address, Server: "test 1", Name: "m", Inputs: s.schema.Inputs, Outputs: s.schema.Outputs}, o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// ask sends one variant as the engine does.
func ask(t testing.TB, x *exchange, set *payload.Set, variant int) *engine.Answer {
	t.Helper()
	r, id, err := x.send(context.Background(), &set.Payloads[variant])
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("variant %d: status %d, %v: %s", variant, r.status, err, r.body)
	}
	return &engine.Answer{Variant: variant, ID: id, Head: append(r.head, "\r\n\r\n"...), Body: r.body}
}

func record(t testing.TB, set *payload.Set, o Options) *Expected {
	t.Helper()
	e, err := Record(context.Background(), set, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
