package payload

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/internal/oip"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// Model is a model of a target, as its metadata describes it.
type Model struct {
	Target Target
	// Server is the server's name and version.
	Server string
	Name   string
	// Version is the one that was asked for; "" leaves it to the server.
	Version string
	// Versions are those that are ready, as far as the server tells.
	Versions []string
	// Digest is the model's identity, if the server tells it.
	Digest          string
	Inputs, Outputs []tensor.Spec
}

// patience is how long a target may take to describe itself; maxDocument is how much it may say.
const (
	patience    = 10 * time.Second
	maxDocument = 16 << 20
)

// Discover asks a server for a model. An empty model means the only one that the server has
// ready; an empty version leaves it to the server. The error is a *NotReadyError for what
// the target lacks and a *UsageError for what the caller must decide.
func Discover(ctx context.Context, url, model, version string) (*Model, error) {
	d, err := discoverAt(url)
	if err == nil {
		err = d.ready(ctx)
	}
	if err != nil {
		return nil, err
	}
	m := &Model{Target: d.target, Name: model, Version: version}
	if status, body, err := d.get(ctx, "/v2"); err == nil && status == http.StatusOK {
		if about, err := client.ReadServerMetadata(body); err == nil {
			m.Server = strings.TrimSpace(about.Name + " " + about.Version)
		}
	}
	if model == "" {
		if m.Name, err = d.onlyModel(ctx); err != nil {
			return nil, err
		}
	}
	if err := d.describe(ctx, m); err != nil {
		return nil, err
	}
	return m, nil
}

// Models lists the models that a target has ready, sorted. The error is that of Discover.
func Models(ctx context.Context, url string) ([]string, error) {
	d, err := discoverAt(url)
	if err == nil {
		err = d.ready(ctx)
	}
	if err != nil {
		return nil, err
	}
	return d.models(ctx)
}

type discovery struct {
	target Target
	client *http.Client
}

func discoverAt(url string) (*discovery, error) {
	target, err := ParseTarget(url)
	// A connection for each question: nothing stays open that a server would count.
	return &discovery{target, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}}, err
}

func (d *discovery) get(ctx context.Context, path string) (status int, body []byte, err error) {
	return d.ask(ctx, http.MethodGet, path, nil)
}

// ask sends one request. The error is a *NotReadyError.
func (d *discovery) ask(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, d.target.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &NotReadyError{"cannot ask " + d.target.URL, err}
	}
	request.Header.Set("User-Agent", userAgent)
	if body != nil {
		request.Header.Set("Content-Type", typeJSON)
	}
	response, err := d.client.Do(request)
	if err != nil {
		return 0, nil, &NotReadyError{"cannot reach the target", err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err == nil && len(answer) > maxDocument {
		err = fmt.Errorf("the answer has more than %d bytes", maxDocument)
	}
	if err != nil {
		return 0, nil, &NotReadyError{"cannot read the target's answer to " + path, err}
	}
	return response.StatusCode, answer, nil
}

func (d *discovery) ready(ctx context.Context) error {
	const path = "/v2/health/ready"
	status, body, err := d.get(ctx, path)
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return notReadyf("target %s has no %s (status %d): it does not speak the Open Inference Protocol; a request template can test any HTTP server", d.target.URL, path, status)
	case status/100 != 2:
		return notReadyf("target %s is not ready: status %d, %s", d.target.URL, status, client.ErrorText(body))
	case bytes.Contains(bytes.ReplaceAll(body, []byte(" "), nil), []byte(`"ready":false`)):
		return notReadyf("target %s is not ready: it answers %s", d.target.URL, client.ErrorText(body))
	}
	return nil
}

// onlyModel is the model to test where none is named.
func (d *discovery) onlyModel(ctx context.Context) (string, error) {
	names, err := d.models(ctx)
	if err != nil {
		return "", err
	}
	switch len(names) {
	case 0:
		return "", notReadyf("target %s has no model that is ready", d.target.URL)
	case 1:
		return names[0], nil
	}
	return "", usagef("target has %d models: %s; name one with --model", len(names), listed(names))
}

// models lists the models that are ready, sorted: from the repository index, or from the
// list that some servers have instead.
func (d *discovery) models(ctx context.Context) ([]string, error) {
	status, body, err := d.ask(ctx, http.MethodPost, "/v2/repository/index", []byte(`{"ready":true}`))
	if err != nil {
		return nil, err
	}
	if status == http.StatusOK {
		index, err := client.ReadIndex(body)
		if err != nil {
			return nil, &NotReadyError{"target " + d.target.URL, err}
		}
		var names []string
		for _, entry := range index {
			if entry.Name != "" && (entry.State == "" || entry.State == oip.StateReady) {
				names = append(names, entry.Name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	for _, path := range []string{"/v2/models", "/v1/models"} {
		if status, body, err = d.get(ctx, path); err != nil {
			return nil, err
		}
		if status != http.StatusOK {
			continue
		}
		if names, err := client.ReadModelList(body); err == nil && names != nil {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
	}
	return nil, usagef("target %s does not list its models (it has no repository index): name one with --model", d.target.URL)
}

// describe fills in what the model's metadata says, and holds that it is ready.
func (d *discovery) describe(ctx context.Context, m *Model) error {
	path := modelPath("v2", m.Name, m.Version)
	status, body, err := d.get(ctx, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		text := fmt.Sprintf("target has no %s that is ready: status %d, %s", m.label(), status, client.ErrorText(body))
		if names, err := d.models(ctx); err == nil && len(names) > 0 && !slices.Contains(names, m.Name) {
			text += "; it has " + listed(names)
		}
		return &NotReadyError{Text: text}
	}
	metadata, err := client.ReadModelMetadata(body)
	if err != nil {
		return &NotReadyError{"target " + d.target.URL, err}
	}
	m.Versions, m.Digest = metadata.Versions, metadata.Properties["digest"]
	if m.Inputs, err = client.Specs(metadata.Inputs); err != nil {
		return &NotReadyError{m.label() + " cannot be tested: an input", err}
	}
	if m.Outputs, err = client.Specs(metadata.Outputs); err != nil {
		return &NotReadyError{m.label() + " cannot be tested: an output", err}
	}
	// Some servers have no such route; their metadata was proof enough.
	if status, body, err = d.get(ctx, path+"/ready"); err != nil {
		return err
	} else if status/100 != 2 && status != http.StatusNotFound {
		return notReadyf("%s is not ready: status %d, %s", m.label(), status, client.ErrorText(body))
	}
	return nil
}

func (m *Model) label() string {
	if m.Version != "" {
		return fmt.Sprintf("model %q version %q", m.Name, m.Version)
	}
	return fmt.Sprintf("model %q", m.Name)
}

// listed joins names, the first few of many.
func listed(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
