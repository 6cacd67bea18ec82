package shadow

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/internal/oip"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

const (
	// maxAnswer bounds an answer of a candidate, which may be anything.
	maxAnswer = 256 << 20
	// longest is when a connection to a candidate gives up. A candidate that hangs is ended long before by the keeper, which
	// does not count the time for which it was frozen.
	longest = 15 * time.Minute
	// lengthHeader is the length of the JSON in front of binary tensors.
	lengthHeader = "Inference-Header-Content-Length"
)

// asker asks a candidate's process over its socket. It is not fast for its own sake: what it takes is CPU of the gateway.
type asker struct {
	http fasthttp.HostClient
	url  string // up to the version
}

func newAsker(socket, model string, connections int) *asker {
	return &asker{
		url: "http://candidate/v2/models/" + url.PathEscape(model) + "/versions/",
		http: fasthttp.HostClient{
			Addr:     "candidate",
			Dial:     func(string) (net.Conn, error) { return net.Dial("unix", socket) },
			MaxConns: 2 * connections, MaxIdemponentCallAttempts: 1, MaxIdleConnDuration: time.Hour,
			ReadTimeout: longest, WriteTimeout: longest, MaxResponseBodySize: maxAnswer,
			NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		},
	}
}

func (a *asker) close() { a.http.CloseIdleConnections() }

// call is the memory of one request at a time, which is used again.
type call struct {
	req    fasthttp.Request
	res    fasthttp.Response
	query  client.InferRequest
	answer client.Response
}

// errRefused is the error of an answer that is one.
var errRefused = errors.New("the candidate refused the request")

// ask has a version answer the inputs. The outputs are good until the call is used again. want is the digest of the files that
// must have answered.
func (a *asker) ask(c *call, side *Side, inputs, wanted []tensor.Tensor, budget time.Duration) (outputs []tensor.Tensor, run time.Duration, err error) {
	c.query.Inputs, c.query.Binary, c.query.Outputs = inputs, true, c.query.Outputs[:0]
	for i := range wanted {
		c.query.Outputs = append(c.query.Outputs, client.WantedOutput{Name: wanted[i].Name, Binary: true})
	}
	c.req.Reset()
	body, length, err := client.AppendInferRequest(c.req.Body()[:0], &c.query)
	if err != nil {
		return nil, 0, err
	}
	c.req.Header.SetMethod(fasthttp.MethodPost)
	c.req.SetRequestURI(a.url + url.PathEscape(side.Version) + "/infer")
	c.req.Header.Set("Sluice-Budget-Ms", strconv.FormatInt(max(budget.Milliseconds(), 1), 10))
	c.req.Header.Set(lengthHeader, strconv.Itoa(length))
	c.req.SetBodyRaw(body)
	c.res.Reset()
	if err := a.http.Do(&c.req, &c.res); err != nil {
		return nil, 0, err
	}
	text := c.res.Body()
	if status := c.res.StatusCode(); status != fasthttp.StatusOK {
		return nil, 0, fmt.Errorf("%w: status %d: %s", errRefused, status, client.ErrorText(text))
	}
	if tag := c.res.Header.Peek("Sluice-Model"); !bytes.Contains(tag, []byte(";digest="+side.Digest)) {
		return nil, 0, fmt.Errorf("%w: it has other files than version %s, whose digest is %.12s", errMalformed, side.Version, side.Digest)
	}
	n, err := oip.ParseHeaderLength(c.res.Header.Peek(lengthHeader), len(text))
	if err == nil {
		err = client.ReadResponse(text, n, &c.answer)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return c.answer.Outputs, runTime(c.res.Header.Peek("Server-Timing")), nil
}

var errMalformed = errors.New("the candidate's answer is malformed")

// runTime is the time on the device that an answer tells of; 0 if it does not.
func runTime(timing []byte) time.Duration {
	_, after, ok := bytes.Cut(timing, []byte("run;dur="))
	if !ok {
		return 0
	}
	number, _, _ := bytes.Cut(after, []byte(","))
	ms, err := strconv.ParseFloat(string(bytes.TrimSpace(number)), 64)
	if err != nil || ms < 0 || ms > 1e9 {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}
