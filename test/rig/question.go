package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"
)

// Question is a request and its right answers.
type Question struct {
	Model string
	// Path is asked instead of the model's, if it is given.
	Path string
	Body []byte
	// Budget is asked for; 0 leaves it to the model.
	Budget time.Duration
	// Answers has the right outputs by the version that gives them.
	Answers map[string][]Output
	// Want is the status that a bad request must get; 0 for a good one.
	Want int
	// LeaveAfter closes the connection so long after the request was written; 0 waits for the answer.
	LeaveAfter time.Duration
}

// Output is an output of an answer.
type Output struct {
	Name string    `json:"name"`
	Data []float64 `json:"data"`
}

type answer struct {
	Model   string   `json:"model_name"`
	Version string   `json:"model_version"`
	Outputs []Output `json:"outputs"`
}

// Tolerance of comparisons: one device may round in other places than another.
const (
	tolerateAbs = 1e-4
	tolerateRel = 1e-3
)

// right compares an answer with the known one of the version that it names.
func (q *Question) right(body []byte) (version string, err error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return "", fmt.Errorf("the answer is no JSON: %w", err)
	}
	want, ok := q.Answers[a.Version]
	if !ok || a.Model != q.Model {
		return a.Version, fmt.Errorf("the answer is of %s %s, of which nothing is known", a.Model, a.Version)
	}
	return a.Version, same(a.Outputs, want)
}

func same(got, want []Output) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d outputs, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Name != want[i].Name || len(got[i].Data) != len(want[i].Data) {
			return fmt.Errorf("output %s of %d values, want %s of %d", got[i].Name, len(got[i].Data), want[i].Name, len(want[i].Data))
		}
		for k, w := range want[i].Data {
			if g := got[i].Data[k]; !(math.Abs(g-w) <= tolerateAbs+tolerateRel*math.Abs(w)) {
				return fmt.Errorf("output %s[%d] is %v, want %v", got[i].Name, k, g, w)
			}
		}
	}
	return nil
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
		if err != nil {
			return fmt.Errorf("cannot learn an answer of %s: %w", q.Model, err)
		}
		var a answer
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			return fmt.Errorf("cannot learn an answer of %s: %w", q.Model, err)
		}
		if q.Answers == nil {
			q.Answers = map[string][]Output{}
		}
		for _, v := range append([]string{a.Version}, versions...) {
			q.Answers[v] = a.Outputs
		}
	}
	return nil
}

func (q *Question) path() string {
	if q.Path != "" {
		return q.Path
	}
	return "/v2/models/" + q.Model + "/infer"
}

// Golden are the questions of a bundle's golden.jsonl, with its answers as those of version 1.
func Golden(model, file string) (questions []Question, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var row struct {
			Request  json.RawMessage `json:"request"`
			Response answer          `json:"response"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		questions = append(questions, Question{Model: model, Body: row.Request, Answers: map[string][]Output{"1": row.Response.Outputs}})
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
