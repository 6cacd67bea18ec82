package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"sluice/gateway/http/admin"
	"sluice/internal/onnxgen"
)

// memory is the gateway's ceiling, which the version that is too large does not fit below.
const memory = "1GiB"

// unfit is a kind of version that cannot serve. gate is the load gate that refuses it, and reason a part of what is said of it.
type unfit struct {
	name, gate, reason string
	files              map[string][]byte
}

const modelFile = "model.onnx"

// visitors are those that come, each the newest. The first is still being tried when the others come.
func (s *stage) visitors() []unfit {
	file := network(3).Bytes()
	flipped := bytes.Clone(file)
	flipped[3] ^= 0x40
	other := onnxgen.MLP{Layers: []int{width + 1, 8, 2}, Seed: 3}.Bytes()
	return []unfit{
		{"its runs do not end", "trial", "a run of input", map[string][]byte{modelFile: endless()}},
		{"a byte of it is flipped", "files", "model.onnx is not a valid ONNX file", map[string][]byte{modelFile: flipped}},
		{"it lacks its end", "files", "model.onnx is not a valid ONNX file", map[string][]byte{modelFile: file[:len(file)*2/3]}},
		{"it has another schema than its golden rows", "golden", "golden.jsonl line 1", map[string][]byte{modelFile: other, "golden.jsonl": s.answers.versions[0].golden}},
		{"its graph contradicts its settings", "schema", "model.yaml: labels.nothing", map[string][]byte{modelFile: file, "model.yaml": []byte("labels: {nothing: [a, b]}\n")}},
		{"it takes more memory than there is", "trial", "memory in a trial process", map[string][]byte{modelFile: huge()}},
	}
}

// endless is a model of the same schema whose runs take a billion rounds of a loop.
func endless() []byte {
	in := onnxgen.In
	body := onnxgen.New(17).Scalar("i", onnxgen.Int64).Scalar("go", onnxgen.Bool).Input("s", onnxgen.Float32, nil, width).
		Node("Identity", "on", in("go")).Node("Mul", "next", in("s", "half")).
		OutputOf(onnxgen.Bool, "on").Shaped("next", onnxgen.Float32, nil, width)
	return onnxgen.New(17).Input("input", onnxgen.Float32, "batch", width).
		Floats("half", nil, 0.5).Wholes("rounds", nil, 1_000_000_000).
		Nodes("Loop", in("output"), in("rounds", "", "input"), onnxgen.Body("body", body)).
		Shaped("output", onnxgen.Float32, "batch", width).File()
}

// huge is a small file whose constant takes 8 GiB.
func huge() []byte {
	in := onnxgen.In
	return onnxgen.New(17).Input("input", onnxgen.Float32, "batch", width).
		Wholes("shape", []int{1}, 2<<30).Node("ConstantOfShape", "zeros", in("shape")).
		Node("ReduceMax", "most", in("zeros"), onnxgen.Whole("keepdims", 0)).Node("Add", "output", in("input", "most")).
		Shaped("output", onnxgen.Float32, "batch", width).File()
}

// refusalsLimit bounds how long all of them take.
const refusalsLimit = 4 * time.Minute

// refusals has versions come that cannot serve.
func (s *stage) refusals() (rows []row, err error) {
	all := s.visitors()
	number := func(i int) string { return strconv.Itoa(3 + i) }
	r, err := s.during(refusalsLimit, func() error {
		for i := range all {
			if err := s.add(number(i), all[i].files); err != nil {
				return err
			}
			if i == 0 {
				continue
			}
			row, err := s.refusal(number(i), &all[i])
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		row, err := s.refusal(number(0), &all[0])
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	counted, err := s.counted(all)
	return append(rows, counted, s.untouched("what runs is untouched by versions that cannot serve", r)), err
}

// counted is the promise that the metrics have the gates that refused versions.
func (s *stage) counted(all []unfit) (row, error) {
	want := map[string]int{}
	for i := range all {
		want[all[i].gate]++
	}
	got := map[string]int{}
	for gate := range want {
		n, err := s.Counters("sluice_model_versions_refused_total", fmt.Sprintf("model=%q", model), fmt.Sprintf("gate=%q", gate))
		if err != nil {
			return row{}, err
		}
		got[gate] = int(n)
	}
	return row{
		what: "sluice_model_versions_refused_total counts each by the gate that refused it", limit: fmt.Sprint(want)[len("map"):],
		measured: fmt.Sprint(got)[len("map"):], held: maps.Equal(got, want),
	}, nil
}

// refusal waits for what is said of a version, and takes it away.
func (s *stage) refusal(version string, u *unfit) (row, error) {
	v, err := s.await(version, func(v *admin.Version) bool { return v != nil && (v.State == "FAILED" || v.State == "READY") })
	if err != nil {
		return row{}, fmt.Errorf("%s: %w", u.name, err)
	}
	counted, err := s.Counters("sluice_model_version_info", fmt.Sprintf("model=%q", model), fmt.Sprintf("version=%q", version), `state="FAILED"`)
	if err != nil {
		return row{}, err
	}
	if err := os.RemoveAll(s.folder(version)); err != nil {
		return row{}, err
	}
	_, err = s.await(version, func(v *admin.Version) bool { return v == nil })
	return row{
		what: "a version is refused: " + u.name, limit: "FAILED in the list and the metrics, with gate and reason in the list",
		measured: fmt.Sprintf("%s: %s", v.State, v.Reason),
		held:     v.State == "FAILED" && v.Role == "" && counted == 1 && strings.HasPrefix(v.Reason, u.gate+": ") && strings.Contains(v.Reason, u.reason),
	}, err
}

// untouched is the promise that version 1 has answered all along.
func (s *stage) untouched(what string, r *record) row {
	l := r.ledger()
	return row{
		what: what, limit: "0 errors, all answers of version 1", measured: l.String(),
		held: l.errors() == 0 && l.right > 0 && r.right["1"] == l.right,
	}
}
