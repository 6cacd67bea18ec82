package shadow

import (
	"bufio"
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
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

const (
	// maxAnswer bounds an answer of a candidate, which may be anything.
	maxAnswer = 256 << 20
	// bufferBytes hold the usual request, and the usual answer, in one system call.
	bufferBytes = 16 << 10
	// lengthHeader is the length of the JSON in front of binary tensors.
	lengthHeader = "Inference-Header-Content-Length"
)

// asker asks a candidate's process over its socket.
type asker struct{ socket string }

// call is a connection to a candidate, and the memory of one request at a time, which is used again. What this costs is CPU of the
// gateway: an HTTP client with a pool and timers costs twice as much.
type call struct {
	of     *asker // whom the connection is to; nil without one
	conn   net.Conn
	reader *bufio.Reader
	writer *bufio.Writer
	req    fasthttp.Request
	res    fasthttp.Response
	query  client.InferRequest
	answer client.Response
}

// close ends the connection, if there is one.
func (c *call) close() {
	if c.of != nil {
		_ = c.conn.Close()
		c.of = nil
	}
}

// do sends the request and reads the answer. A process that does not answer is ended by its keeper, which ends the connection: there is
// no limit here, since time for which the process is frozen does not count.
func (c *call) do(a *asker) (err error) {
	if c.of != a {
		c.close()
		if c.conn, err = net.Dial("unix", a.socket); err != nil {
			return err
		}
		c.of, c.reader, c.writer = a, bufio.NewReaderSize(c.conn, bufferBytes), bufio.NewWriterSize(c.conn, bufferBytes)
	}
	if err = c.req.Write(c.writer); err == nil {
		err = c.writer.Flush()
	}
	if err == nil {
		err = c.res.ReadLimitBody(c.reader, maxAnswer)
	}
	if err != nil || c.res.ConnectionClose() {
		c.close()
	}
	return err
}

// errRefused is the error of an answer that is one.
var errRefused = errors.New("the candidate refused the request")

// question is what a version of a model is asked.
type question struct {
	model  string
	side   *Side
	inputs []tensor.Tensor
	wanted []tensor.Tensor // the outputs, by name
	budget time.Duration
	// explain wants to know what filling came to.
	explain bool
}

// ask has a version answer. The outputs are good until the call is used again.
func (a *asker) ask(c *call, q *question) (outputs []tensor.Tensor, run time.Duration, err error) {
	c.query.Inputs, c.query.Binary, c.query.Outputs = q.inputs, true, c.query.Outputs[:0]
	for i := range q.wanted {
		c.query.Outputs = append(c.query.Outputs, client.WantedOutput{Name: q.wanted[i].Name, Binary: true})
	}
	c.req.Reset()
	body, length, err := client.AppendInferRequest(c.req.Body()[:0], &c.query)
	if err != nil {
		return nil, 0, err
	}
	c.req.Header.SetMethod(fasthttp.MethodPost)
	c.req.Header.SetHost("candidate")
	c.req.SetRequestURI("/v2/models/" + url.PathEscape(q.model) + "/versions/" + url.PathEscape(q.side.Version) + "/infer")
	c.req.Header.Set("Sluice-Budget-Ms", strconv.FormatInt(max(q.budget.Milliseconds(), 1), 10))
	if q.explain {
		c.req.Header.Set("Sluice-Explain", "features")
	}
	c.req.Header.Set(lengthHeader, strconv.Itoa(length))
	c.req.SetBodyRaw(body)
	c.res.Reset()
	if err := c.do(a); err != nil {
		return nil, 0, err
	}
	text := c.res.Body()
	if status := c.res.StatusCode(); status != fasthttp.StatusOK {
		return nil, 0, fmt.Errorf("%w: status %d: %s", errRefused, status, client.ErrorText(text))
	}
	if tag := c.res.Header.Peek("Sluice-Model"); !bytes.Contains(tag, []byte(";digest="+q.side.Digest)) {
		return nil, 0, fmt.Errorf("%w: it has other files than version %s, whose digest is %.12s", errMalformed, q.side.Version, q.side.Digest)
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

// filled is what filling came to, of an answer to a question that wants it explained; nil if it does not say.
func (c *call) filled(f *filling) *origin.Tally {
	return f.read(c.res.Header.Peek("Sluice-Features"), c.answer.Features)
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
