package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"

	"sluice/internal/agree"
	"sluice/internal/http1"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/test/rig"
)

// answers are the questions that are asked, and the right answers of each version to them.
type answers struct {
	questions []rig.Question
	versions  []*known
}

// known is a version.
type known struct {
	name, digest string
	tag          []byte // the value of Sluice-Model of its answers
	outputs      [][]tensor.Tensor
	golden       []byte // a line of golden.jsonl: the first question and its answer
}

// questions is how many there are, of a row each.
const questions = 16

func newAnswers() *answers { return &answers{questions: rig.Rows(model, "input", width, 1, questions)} }

// learn asks a version itself for its answers.
func (a *answers) learn(addr, version, digest string) error {
	v := &known{name: version, digest: digest, tag: fmt.Appendf(nil, "%s;version=%s;digest=%s", model, version, digest)}
	for i := range a.questions {
		status, body, err := rig.Post(addr, "/v2/models/"+model+"/versions/"+version+"/infer", string(a.questions[i].Body))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %.300s", status, body)
		}
		var got client.Response
		if err == nil {
			err = client.ReadResponse([]byte(body), -1, &got)
		}
		if err == nil && string(got.Version) != version {
			err = fmt.Errorf("version %s answered", got.Version)
		}
		if err != nil {
			return fmt.Errorf("cannot learn the answers of version %s: %w", version, err)
		}
		v.outputs = append(v.outputs, got.Outputs)
		if i == 0 {
			v.golden = fmt.Appendf(nil, `{"request":%s,"response":%s}`+"\n", a.questions[i].Body, body)
		}
	}
	a.versions = append(a.versions, v)
	return nil
}

// distinct is nil if each question has another answer of each version: only then does an answer tell whose it is.
func (a *answers) distinct() error {
	for i := range a.questions {
		for _, v := range a.versions {
			if of := a.givers(i, v.outputs[i]); len(of) != 1 {
				return fmt.Errorf("question %d has the same answer of versions %q", i, of)
			}
		}
	}
	return nil
}

// givers are the versions whose answer to a question it is.
func (a *answers) givers(question int, outputs []tensor.Tensor) (of []string) {
	for _, v := range a.versions {
		if same(outputs, v.outputs[question]) {
			of = append(of, v.name)
		}
	}
	return of
}

// same tells whether an answer is the known one; batches of other sizes may round otherwise.
func same(got, want []tensor.Tensor) bool {
	return slices.EqualFunc(got, want, func(g, w tensor.Tensor) bool {
		d := agree.First(&g, &w, agree.Loading)
		return g.Name == w.Name && d.Kind == agree.None
	})
}

// payloads are the requests, one a question, that name no version; with a place for the unit that each is about, or without.
func (a *answers) payloads(units bool) (all []engine.Payload) {
	const field = "Sluice-Unit: "
	for i := range a.questions {
		body := a.questions[i].Body
		p := engine.Payload{ID: -1, Bytes: fmt.Appendf(nil, "POST /v2/models/%s/infer HTTP/1.1\r\nHost: rollout\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", model, len(body))}
		if units {
			p.ID = len(p.Bytes) + len(field)
			p.Bytes = fmt.Appendf(p.Bytes, "%s%0*d\r\n", field, engine.IDLength, 0)
		}
		p.Bytes = append(append(p.Bytes, "\r\n"...), body...)
		all = append(all, p)
	}
	return all
}

// checker compares answers: each must be that of exactly one version, and name it. It is for the engine's one thread.
type checker struct {
	*answers
	exposures *exposures // nil where no version is chosen by a unit
	answer    client.Response
	right     map[string]int // by version
	fault     string         // the first wrong one
}

var _ engine.Checker = (*checker)(nil)

// Check implements engine.Checker.
func (c *checker) Check(a *engine.Answer) engine.Verdict {
	version, err := c.version(a)
	if err != nil {
		if c.fault == "" {
			c.fault = err.Error()
		}
		return engine.Verdict{Kind: engine.WrongValue}
	}
	c.right[version]++
	return engine.Verdict{Kind: engine.Right}
}

// version is the one whose answer it is.
func (c *checker) version(a *engine.Answer) (string, error) {
	if err := client.ReadResponse(a.Body, -1, &c.answer); err != nil {
		return "", err
	}
	of := c.givers(a.Variant, c.answer.Outputs)
	if len(of) != 1 {
		return "", fmt.Errorf("question %d: the answer is that of versions %q", a.Variant, of)
	}
	if string(c.answer.Version) != of[0] {
		return "", fmt.Errorf("question %d: the answer is that of version %s, and its body names %q", a.Variant, of[0], c.answer.Version)
	}
	tag := http1.Field(a.Head, "sluice-model")
	for _, v := range c.versions {
		if v.name != of[0] {
			continue
		}
		want := v.tag
		if c.exposures != nil {
			var err error
			if want, err = c.exposures.answered(v, a.ID); err != nil {
				return "", err
			}
		}
		if bytes.Equal(tag, want) {
			return v.name, nil
		}
	}
	return "", fmt.Errorf("question %d: the answer is that of version %s, and Sluice-Model is %q", a.Variant, of[0], tag)
}
