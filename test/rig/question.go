package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"

	"sluice/internal/agree"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// Question is a request and its right answers.
type Question struct {
	Model string
	Body  []byte
	// Budget is asked for; 0 leaves it to the model.
	Budget time.Duration
	// Answers has the right outputs by the version that gives them.
	Answers map[string][]tensor.Tensor
	// Want is the status that a bad request must get; 0 for a good one.
	Want int
	// LeaveAfter closes the connection so long after the request was written; 0 waits for the answer.
	LeaveAfter time.Duration
}

// right compares an answer with the known one of the version that it names.
func (q *Question) right(body []byte) (version string, err error) {
	var a client.Response
	if err := client.ReadResponse(body, -1, &a); err != nil {
		return "", err
	}
	version = string(a.Version)
	want, ok := q.Answers[version]
	if !ok || string(a.Model) != q.Model || len(a.Outputs) != len(want) {
		return version, fmt.Errorf("the answer is of %s %s with %d outputs, of which nothing is known", a.Model, version, len(a.Outputs))
	}
	for i := range want {
		if a.Outputs[i].Name != want[i].Name {
			return version, fmt.Errorf("output %d is %s, want %s", i, a.Outputs[i].Name, want[i].Name)
		}
		// One device may round in other places than another.
		if d := agree.First(&a.Outputs[i], &want[i], agree.Loading); d.Kind != agree.None {
			return version, errors.New(d.String())
		}
	}
	return version, nil
}

// Learn asks a gateway at rest for the right answer to each question, and takes it as that of the
// version that gave it and of the others named.
func Learn(addr string, questions []Question, versions ...string) error {
	for i := range questions {
		q := &questions[i]
		status, body, err := Post(addr, q.path(), string(q.Body))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %.300s", status, body)
		}
		var a client.Response
		if err == nil {
			err = client.ReadResponse([]byte(body), -1, &a)
		}
		if err != nil {
			return fmt.Errorf("cannot learn an answer of %s: %w", q.Model, err)
		}
		if q.Answers == nil {
			q.Answers = map[string][]tensor.Tensor{}
		}
		for _, v := range append([]string{string(a.Version)}, versions...) {
			q.Answers[v] = a.Outputs
		}
	}
	return nil
}

func (q *Question) path() string { return "/v2/models/" + q.Model + "/infer" }

// Golden are the questions of a bundle's golden.jsonl, with its answers as those of version 1.
func Golden(model, file string) (questions []Question, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var row struct{ Request, Response json.RawMessage }
		var a client.Response
		err := json.Unmarshal([]byte(line), &row)
		if err == nil {
			err = client.ReadResponse(row.Response, -1, &a)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		questions = append(questions, Question{Model: model, Body: row.Request, Answers: map[string][]tensor.Tensor{"1": a.Outputs}})
	}
	if len(questions) == 0 {
		return nil, errors.New(file + " has no rows")
	}
	return questions, nil
}

// Rows makes questions of so many rows for a model with one FP32 input of a width; every value is drawn.
func Rows(model, input string, width, rows, questions int) []Question {
	rng := rand.New(rand.NewPCG(uint64(width), uint64(rows)))
	all := make([]Question, questions)
	for i := range all {
		values := make([]float32, rows*width)
		for k := range values {
			values[k] = float32(rng.NormFloat64())
		}
		text, err := json.Marshal(values)
		if err != nil {
			panic(fmt.Sprintf("BUG: %v", err))
		}
		all[i] = Question{Model: model, Body: fmt.Appendf(nil,
			`{"inputs":[{"name":%q,"datatype":"FP32","shape":[%d,%d],"data":%s}]}`, input, rows, width, text)}
	}
	return all
}
