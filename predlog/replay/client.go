package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
	a, err := c.AskTimed(ctx, m, inputs, wanted)
	return a.Outputs, err
}

// Answer is what came of a request.
type Answer struct {
	Outputs []tensor.Tensor
	// Run is the device time that the gateway tells, 0 if it tells none.
	Run time.Duration
}

// AskTimed is Ask with the device time.
func (c *Client) AskTimed(ctx context.Context, m Model, inputs []tensor.Tensor, wanted []string) (a Answer, err error) {
	q := client.InferRequest{Inputs: inputs, Binary: true}
	for _, name := range wanted {
		q.Outputs = append(q.Outputs, client.WantedOutput{Name: name, Binary: true})
	}
	body, length, err := client.AppendInferRequest(nil, &q)
	if err != nil {
		return a, err
	}
	for try := 1; ; try++ {
		a, again, err := c.infer(ctx, m, body, length)
		if err == nil || !again || try == tries {
			return a, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return a, errors.Join(err, ctx.Err())
		}
	}
}

// infer asks once; again says that the gateway had no room.
func (c *Client) infer(ctx context.Context, m Model, body []byte, length int) (a Answer, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(m, "infer"), bytes.NewReader(body))
	if err != nil {
		return a, false, err
	}
	request.Header.Set("Sluice-Budget-Ms", strconv.FormatInt(budget.Milliseconds(), 10))
	if length > 0 {
		request.Header.Set(lengthHeader, strconv.Itoa(length))
	}
	text, header, status, err := c.do(request)
	switch {
	case err != nil:
		return a, false, err
	case status != http.StatusOK:
		again = status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
		return a, again, fmt.Errorf("status %d: %s", status, client.ErrorText(text))
	}
	var value []byte // nil says that the answer is JSON alone
	if v := header.Get(lengthHeader); v != "" {
		value = []byte(v)
	}
	n, err := oip.ParseHeaderLength(value, len(text))
	if err != nil {
		return a, false, err
	}
	var answer client.Response // not used again, so that its outputs stay
	if err := client.ReadResponse(text, n, &answer); err != nil {
		return a, false, err
	}
	return Answer{slices.Clone(answer.Outputs), runOf(header.Get("Server-Timing"))}, false, nil
}

// runOf is the device time of a Server-Timing header, whose times are in milliseconds.
func runOf(header string) time.Duration {
	for part := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		ms, is := strings.CutPrefix(rest, "dur=")
		if x, err := strconv.ParseFloat(ms, 64); name == "run" && is && err == nil && x > 0 {
			return time.Duration(x * float64(time.Millisecond))
		}
	}
	return 0
}

// Tolerance is Target's.
func (c *Client) Tolerance(ctx context.Context, m Model) (t agree.Tolerance, err error) {
	d, err := c.Describe(ctx, m)
	if err != nil {
		return t, err
	}
	return d.Tolerance()
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
