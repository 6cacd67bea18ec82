package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"sluice/internal/agree"
	"sluice/internal/oip"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

const (
	// budget is what each request asks for: how fast answers come is nothing here.
	budget = 30 * time.Second
	// tries is how often a request is asked that the gateway sheds, with pause between.
	tries = 20
	pause = 100 * time.Millisecond
	// maxAnswer bounds an answer.
	maxAnswer = 1 << 30
)

// lengthHeader is the length of the JSON in front of binary tensors.
const lengthHeader = "Inference-Header-Content-Length"

// Client asks a gateway over the Open Inference Protocol. Its connections stay until Close.
type Client struct {
	base string
	http http.Client
}

// NewClient asks the gateway at a base URL, with so many connections at most.
func NewClient(base string, connections int) *Client {
	return &Client{base: base, http: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}}
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) url(m Model, what string) string {
	path := c.base + "/v2/models/" + url.PathEscape(m.Name)
	if m.Version != "" {
		path += "/versions/" + url.PathEscape(m.Version)
	}
	return path + "/" + what
}

// Ask is Target's.
func (c *Client) Ask(ctx context.Context, m Model, inputs []tensor.Tensor, wanted []string) ([]tensor.Tensor, error) {
	q := client.InferRequest{Inputs: inputs, Binary: true}
	for _, name := range wanted {
		q.Outputs = append(q.Outputs, client.WantedOutput{Name: name, Binary: true})
	}
	body, length, err := client.AppendInferRequest(nil, &q)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		outputs, again, err := c.infer(ctx, m, body, length)
		if err == nil || !again || try == tries {
			return outputs, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// infer asks once; again says that the gateway had no room.
func (c *Client) infer(ctx context.Context, m Model, body []byte, length int) (outputs []tensor.Tensor, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(m, "infer"), bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	request.Header.Set("Sluice-Budget-Ms", strconv.FormatInt(budget.Milliseconds(), 10))
	if length > 0 {
		request.Header.Set(lengthHeader, strconv.Itoa(length))
	}
	text, header, status, err := c.do(request)
	switch {
	case err != nil:
		return nil, false, err
	case status != http.StatusOK:
		again = status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
		return nil, again, fmt.Errorf("status %d: %s", status, client.ErrorText(text))
	}
	var value []byte // nil says that the answer is JSON alone
	if v := header.Get(lengthHeader); v != "" {
		value = []byte(v)
	}
	n, err := oip.ParseHeaderLength(value, len(text))
	if err != nil {
		return nil, false, err
	}
	var answer client.Response // not used again, so that its outputs stay
	if err := client.ReadResponse(text, n, &answer); err != nil {
		return nil, false, err
	}
	return slices.Clone(answer.Outputs), false, nil
}

// Tolerance is Target's.
func (c *Client) Tolerance(ctx context.Context, m Model) (t agree.Tolerance, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(m, "config"), nil)
	if err != nil {
		return t, err
	}
	text, _, status, err := c.do(request)
	if err != nil {
		return t, err
	}
	if status != http.StatusOK {
		return t, fmt.Errorf("cannot ask for the tolerance of %s: status %d: %s", m.Name, status, client.ErrorText(text))
	}
	var config struct {
		Parameters map[string]struct {
			Text string `json:"string_value"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return t, fmt.Errorf("the configuration of %s is none: %w", m.Name, err)
	}
	for _, part := range []struct {
		name string
		to   *float64
	}{{"tolerance_abs", &t.Abs}, {"tolerance_rel", &t.Rel}} {
		if *part.to, err = strconv.ParseFloat(config.Parameters[part.name].Text, 64); err != nil {
			return t, fmt.Errorf("the configuration of %s has no %s: is it served by an older Sluice?", m.Name, part.name)
		}
	}
	return t, nil
}

// do reads a whole answer.
func (c *Client) do(request *http.Request) (body []byte, header http.Header, status int, err error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, 0, err
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return body, response.Header, response.StatusCode, errors.Join(err, response.Body.Close())
}
