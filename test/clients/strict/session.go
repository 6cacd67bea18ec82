package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"
)

// session is a server and the count of what was checked.
type session struct {
	url            string
	passed, failed int
	// Of the check that is made: in which row it is, and what it has failed of.
	where string
	fault error
}

// must ends the check if there is an error.
func (s *session) must(err error) {
	if err != nil {
		s.fault = err
		runtime.Goexit()
	}
}

func (s *session) fail(format string, args ...any) { s.must(fmt.Errorf(format, args...)) }

var client = &http.Client{Timeout: 30 * time.Second}

// get reads an answer of a GET.
func (s *session) get(path string, into any) {
	s.must(s.ask(http.MethodGet, path, nil, nil, http.StatusOK, into))
}

// post sends a document and reads the answer.
func (s *session) post(path string, document, into any) {
	body, err := json.Marshal(document)
	s.must(err)
	s.must(s.ask(http.MethodPost, path, body, nil, http.StatusOK, into))
}

func (s *session) ask(method, path string, body []byte, headers map[string]string, status int, into any) error {
	request, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Sluice-Budget-Ms", "10000") // a busy machine may take longer than a model's own budget
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode != status:
		return fmt.Errorf("%s %s is %d, want %d: %s", method, path, answer.StatusCode, status, text)
	case answer.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("%s %s has the type %s", method, path, answer.Header.Get("Content-Type"))
	}
	if err := strict(text, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// strict reads one JSON value, all of it, and refuses fields that into does not have.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}
