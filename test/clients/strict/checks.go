package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

func (s *session) infer(m model, g golden) error {
	for _, path := range []string{"/v2/models/" + m.name + "/infer", "/v2/models/" + m.name + "/versions/1/infer"} {
		var answer inferResponse
		if err := s.post(path, inferRequest{ID: "from Go", Inputs: g.inputs}, &answer); err != nil {
			return err
		}
		if answer.ID != "from Go" || answer.ModelName != m.name || answer.ModelVersion != "1" || len(answer.Outputs) != len(g.outputs) {
			return fmt.Errorf("the answer is %+v", answer)
		}
		for i, want := range g.outputs {
			got := answer.Outputs[i]
			if got.Name != want.Name || got.Datatype != want.Datatype || !slices.Equal(got.Shape, want.Shape) {
				return fmt.Errorf("output %d is %s %s %v", i, got.Name, got.Datatype, got.Shape)
			}
			if err := compareValues(got.Data, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) columns(m model, g golden) error {
	inputs := map[string]json.RawMessage{}
	for _, t := range g.inputs {
		lists, err := t.nested()
		if err != nil {
			return err
		}
		inputs[t.Name] = lists
	}
	var answer columnPredictions
	if err := s.post("/v1/models/"+m.name+":predict", map[string]any{"inputs": inputs}, &answer); err != nil {
		return err
	}
	if len(g.outputs) == 1 {
		return compareValues(answer.Outputs, g.outputs[0])
	}
	byName := map[string]json.RawMessage{}
	if err := strict(answer.Outputs, &byName); err != nil {
		return err
	}
	return compareAll(byName, g)
}

func (s *session) rows(m model, g golden) error {
	instances := make([]map[string]json.RawMessage, g.inputs[0].Shape[0])
	for _, t := range g.inputs {
		lists, err := t.nested()
		if err != nil {
			return err
		}
		var rows []json.RawMessage
		if err := strict(lists, &rows); err != nil {
			return err
		}
		for i, row := range rows {
			if instances[i] == nil {
				instances[i] = map[string]json.RawMessage{}
			}
			instances[i][t.Name] = row
		}
	}
	var answer rowPredictions
	if err := s.post("/v1/models/"+m.name+"/versions/1:predict", map[string]any{"instances": instances}, &answer); err != nil {
		return err
	}
	columns := map[string][]json.RawMessage{}
	for _, row := range answer.Predictions {
		values := map[string]json.RawMessage{g.outputs[0].Name: row}
		if len(g.outputs) > 1 {
			values = map[string]json.RawMessage{}
			if err := strict(row, &values); err != nil {
				return err
			}
		}
		for name, value := range values {
			columns[name] = append(columns[name], value)
		}
	}
	byName := map[string]json.RawMessage{}
	for name, values := range columns {
		byName[name] = nest(values, []int64{int64(len(values))})
	}
	return compareAll(byName, g)
}

func compareAll(byName map[string]json.RawMessage, g golden) error {
	if len(byName) != len(g.outputs) {
		return fmt.Errorf("%d outputs, want %d", len(byName), len(g.outputs))
	}
	for _, want := range g.outputs {
		if err := compareValues(byName[want.Name], want); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) describe(m model) error {
	var (
		metadata modelMetadata
		config   modelConfig
		stats    statistics
		state    modelStatusV1
		ready    modelReady
	)
	for _, version := range []string{"", "/versions/1"} {
		at := "/v2/models/" + m.name + version
		if err := errors.Join(
			s.get(at, &metadata), s.get(at+"/config", &config), s.get(at+"/stats", &stats), s.get(at+"/ready", &ready),
			s.get("/v1/models/"+m.name+version, &state),
		); err != nil {
			return err
		}
	}
	g := m.cases[0]
	switch {
	case metadata.Name != m.name || config.Name != m.name || state.Name != m.name || ready.Name != m.name:
		return fmt.Errorf("the names are %s, %s, %s and %s", metadata.Name, config.Name, state.Name, ready.Name)
	case len(metadata.Inputs) != len(g.inputs) || len(config.Input) != len(g.inputs):
		return fmt.Errorf("%d and %d inputs, want %d", len(metadata.Inputs), len(config.Input), len(g.inputs))
	case len(metadata.Outputs) != len(g.outputs) || len(config.Output) != len(g.outputs):
		return fmt.Errorf("%d and %d outputs, want %d", len(metadata.Outputs), len(config.Output), len(g.outputs))
	case len(stats.ModelStats) != 1 || stats.ModelStats[0].InferenceStats.Success.Count == 0:
		return fmt.Errorf("the statistics are %+v", stats)
	case len(state.Versions) != 1 || state.Versions[0].State != "AVAILABLE" || !state.Ready || !ready.Ready:
		return fmt.Errorf("the state is %+v", state)
	}
	return nil
}

func (s *session) server() error {
	var (
		metadata serverMetadata
		live     readiness
		ready    readiness
		list     modelList
		all      statistics
		index    []indexEntry
		document map[string]any
	)
	err := errors.Join(
		s.get("/v2", &metadata), s.get("/v2/health/live", &live), s.get("/v2/health/ready", &ready),
		s.get("/v2/models", &list), s.get("/v1/models", &list), s.get("/v2/models/stats", &all),
		s.post("/v2/repository/index", map[string]bool{"ready": true}, &index), s.get("/openapi.json", &document),
	)
	switch {
	case err != nil:
		return err
	case metadata.Name != "sluice" || !live.Live || !ready.Ready:
		return fmt.Errorf("the server is %+v, live %v, ready %v", metadata, live.Live, ready.Ready)
	case len(list.Models) == 0 || len(index) != len(list.Models) || len(all.ModelStats) != len(list.Models):
		return fmt.Errorf("%d models in the list, %d in the index, %d in the statistics", len(list.Models), len(index), len(all.ModelStats))
	}
	return nil
}

func (s *session) refusals() error {
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
		if err := s.ask(refused.method, refused.path, []byte(refused.body), nil, refused.status, &answer); err != nil {
			return err
		}
		if answer.Code != refused.code || answer.Error == "" || !strings.Contains(answer.Error, refused.words) {
			return fmt.Errorf("%s %s is refused with %+v", refused.method, refused.path, answer)
		}
	}
	return nil
}

// What JSON has no number for, in both formats: what is asked of the model `log`, y = log(x).
const (
	logTensor = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[-1,0,1,null]}]}`
	logRows   = `{"instances":[[-1,0,1,null]]}`
)

func (s *session) nonFinite() error {
	clean := map[string]string{"Sluice-Nonfinite": "null"}
	var answer inferResponse
	var rows rowPredictions
	err := errors.Join(
		s.ask("POST", "/v2/models/log/infer", []byte(logTensor), clean, 200, &answer),
		s.ask("POST", "/v1/models/log:predict", []byte(logRows), clean, 200, &rows),
	)
	if err != nil {
		return err
	}
	for _, text := range []json.RawMessage{answer.Outputs[0].Data, rows.Predictions[0]} {
		got, err := numbers(text)
		if err != nil {
			return err
		}
		if len(got) != 4 || !math.IsNaN(got[0]) || !math.IsNaN(got[1]) || got[2] != 0 || !math.IsNaN(got[3]) {
			return fmt.Errorf("log of -1, 0, 1 and null is %s", text)
		}
	}
	return nil
}

// By default the words NaN and Infinity are in the answer, as Triton has them, and encoding/json refuses them.
func (s *session) nonFiniteByDefault() error {
	for path, body := range map[string]string{"/v2/models/log/infer": logTensor, "/v1/models/log:predict": logRows} {
		var answer any
		err := s.ask("POST", path, []byte(body), nil, 200, &answer)
		if syntax := (*json.SyntaxError)(nil); !errors.As(err, &syntax) {
			return fmt.Errorf("%s is JSON: %v, %w", path, answer, err)
		}
	}
	return nil
}
