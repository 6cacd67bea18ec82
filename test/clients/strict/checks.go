package main

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
)

func (s *session) infer(m model, g golden) {
	for _, path := range []string{"/v2/models/" + m.name + "/infer", "/v2/models/" + m.name + "/versions/1/infer"} {
		var answer inferResponse
		s.post(path, inferRequest{ID: "from Go", Inputs: g.inputs}, &answer)
		if answer.ID != "from Go" || answer.ModelName != m.name || answer.ModelVersion != "1" || len(answer.Outputs) != len(g.outputs) {
			s.fail("the answer is %+v", answer)
		}
		for i, want := range g.outputs {
			got := answer.Outputs[i]
			if got.Name != want.Name || got.Datatype != want.Datatype || !slices.Equal(got.Shape, want.Shape) {
				s.fail("output %d is %s %s %v", i, got.Name, got.Datatype, got.Shape)
			}
			s.must(compareValues(got.Data, want))
		}
	}
}

// nested is an input's values as nested lists.
func (s *session) nested(t namedTensor) json.RawMessage {
	var values []json.RawMessage
	s.must(strict(t.Data, &values))
	return nest(values, t.Shape)
}

func (s *session) columns(m model, g golden) {
	inputs := map[string]json.RawMessage{}
	for _, t := range g.inputs {
		inputs[t.Name] = s.nested(t)
	}
	var answer columnPredictions
	s.post("/v1/models/"+m.name+":predict", map[string]any{"inputs": inputs}, &answer)
	s.compare(s.byName(answer.Outputs, g), g)
}

// byName is what stands for all outputs of a model, taken apart: of a model with one output it is that one.
func (s *session) byName(text json.RawMessage, g golden) (outputs map[string]json.RawMessage) {
	if len(g.outputs) == 1 {
		return map[string]json.RawMessage{g.outputs[0].Name: text}
	}
	s.must(strict(text, &outputs))
	return outputs
}

func (s *session) rows(m model, g golden) {
	instances := make([]map[string]json.RawMessage, g.inputs[0].Shape[0])
	for i := range instances {
		instances[i] = map[string]json.RawMessage{}
	}
	for _, t := range g.inputs {
		var rows []json.RawMessage
		s.must(strict(s.nested(t), &rows))
		for i, row := range rows {
			instances[i][t.Name] = row
		}
	}
	var answer rowPredictions
	s.post("/v1/models/"+m.name+"/versions/1:predict", map[string]any{"instances": instances}, &answer)
	columns := map[string][]json.RawMessage{}
	for _, row := range answer.Predictions {
		for name, value := range s.byName(row, g) {
			columns[name] = append(columns[name], value)
		}
	}
	outputs := map[string]json.RawMessage{}
	for name, values := range columns {
		outputs[name] = nest(values, []int64{int64(len(values))})
	}
	s.compare(outputs, g)
}

func (s *session) compare(outputs map[string]json.RawMessage, g golden) {
	if len(outputs) != len(g.outputs) {
		s.fail("%d outputs, want %d", len(outputs), len(g.outputs))
	}
	for _, want := range g.outputs {
		s.must(compareValues(outputs[want.Name], want))
	}
}

func (s *session) describe(m model) {
	var (
		metadata modelMetadata
		config   modelConfig
		stats    statistics
		state    modelStatusV1
		ready    modelReady
	)
	for _, version := range []string{"", "/versions/1"} {
		at := "/v2/models/" + m.name + version
		s.get(at, &metadata)
		s.get(at+"/config", &config)
		s.get(at+"/stats", &stats)
		s.get(at+"/ready", &ready)
		s.get("/v1/models/"+m.name+version, &state)
	}
	g := m.cases[0]
	switch {
	case metadata.Name != m.name || config.Name != m.name || state.Name != m.name || ready.Name != m.name:
		s.fail("the names are %s, %s, %s and %s", metadata.Name, config.Name, state.Name, ready.Name)
	case len(metadata.Inputs) != len(g.inputs) || len(config.Input) != len(g.inputs):
		s.fail("%d and %d inputs, want %d", len(metadata.Inputs), len(config.Input), len(g.inputs))
	case len(metadata.Outputs) != len(g.outputs) || len(config.Output) != len(g.outputs):
		s.fail("%d and %d outputs, want %d", len(metadata.Outputs), len(config.Output), len(g.outputs))
	case len(stats.ModelStats) != 1 || stats.ModelStats[0].InferenceStats.Success.Count == 0:
		s.fail("the statistics are %+v", stats)
	case len(state.Versions) != 1 || state.Versions[0].State != "AVAILABLE" || !state.Ready || !ready.Ready:
		s.fail("the state is %+v", state)
	}
}

func (s *session) server() {
	var (
		metadata serverMetadata
		live     readiness
		ready    readiness
		list     modelList
		all      statistics
		index    []indexEntry
		document map[string]any
	)
	s.get("/v2", &metadata)
	s.get("/v2/health/live", &live)
	s.get("/v2/health/ready", &ready)
	s.get("/v2/models", &list)
	s.get("/v1/models", &list)
	s.get("/v2/models/stats", &all)
	s.post("/v2/repository/index", map[string]bool{"ready": true}, &index)
	s.get("/openapi.json", &document)
	switch {
	case metadata.Name != "sluice" || !live.Live || !ready.Ready:
		s.fail("the server is %+v, live %v, ready %v", metadata, live.Live, ready.Ready)
	case len(list.Models) == 0 || len(index) != len(list.Models) || len(all.ModelStats) != len(list.Models):
		s.fail("%d models in the list, %d in the index, %d in the statistics", len(list.Models), len(index), len(all.ModelStats))
	}
}

func (s *session) refusals() {
	for _, refused := range []struct {
		method, path, body string
		status             int
		code, words        string
	}{
		{"GET", "/no/such/path", "", 404, "NOT_FOUND", ""},
		{"DELETE", "/v2", "", 405, "METHOD_NOT_ALLOWED", ""},
		{"GET", "/v2/models/no_such_model", "", 404, "MODEL_NOT_FOUND", "no_such_model"},
		{"POST", "/v2/models/digits/infer", "{", 400, "INVALID_JSON", ""},
		{"POST", "/v1/models/digits:predict", `{"instances":[]}`, 400, "INVALID_INPUTS", "instances"},
		{"POST", "/v2/models/digits/versions/99/infer", "{}", 404, "VERSION_NOT_FOUND", "99"},
	} {
		var answer errorBody
		s.must(s.ask(refused.method, refused.path, []byte(refused.body), nil, refused.status, &answer))
		if answer.Code != refused.code || answer.Error == "" || !strings.Contains(answer.Error, refused.words) {
			s.fail("%s %s is refused with %+v", refused.method, refused.path, answer)
		}
	}
}

// What JSON has no number for, in both formats: what is asked of the model `log`, y = log(x).
const (
	logTensor = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[-1,0,1,null]}]}`
	logRows   = `{"instances":[[-1,0,1,null]]}`
)

func (s *session) nonFinite() {
	clean := map[string]string{"Sluice-Nonfinite": "null"}
	var answer inferResponse
	var rows rowPredictions
	s.must(s.ask("POST", "/v2/models/log/infer", []byte(logTensor), clean, 200, &answer))
	s.must(s.ask("POST", "/v1/models/log:predict", []byte(logRows), clean, 200, &rows))
	for _, text := range []json.RawMessage{answer.Outputs[0].Data, rows.Predictions[0]} {
		got, err := numbers(text)
		s.must(err)
		if len(got) != 4 || !math.IsNaN(got[0]) || !math.IsNaN(got[1]) || got[2] != 0 || !math.IsNaN(got[3]) {
			s.fail("log of -1, 0, 1 and null is %s", text)
		}
	}
}

// By default the words NaN and Infinity are in the answer, as Triton has them, and encoding/json refuses them.
func (s *session) nonFiniteByDefault() {
	for path, body := range map[string]string{"/v2/models/log/infer": logTensor, "/v1/models/log:predict": logRows} {
		var answer any
		err := s.ask("POST", path, []byte(body), nil, 200, &answer)
		if syntax := (*json.SyntaxError)(nil); !errors.As(err, &syntax) {
			s.fail("%s is JSON: %v, %w", path, answer, err)
		}
	}
}
