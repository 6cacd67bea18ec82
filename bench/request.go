package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// request is one infer request of one row, ready to be sent by any client.
type request struct {
	name    string
	path    string
	headers [][2]string
	body    []byte
}

func row() []float32 {
	rng := rand.New(rand.NewPCG(5, 6))
	values := make([]float32, inputs)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

func inferPath(model string) string { return "/v2/models/" + model + "/infer" }

// binaryRequest carries the row, and asks for the answer, as bytes behind the JSON.
func binaryRequest(model string) request {
	head := fmt.Sprintf(`{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}],`+
		`"outputs":[{"name":"output","parameters":{"binary_data":true}}]}`, inputs, 4*inputs)
	body := []byte(head)
	for _, v := range row() {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	return request{"binary", inferPath(model), [][2]string{
		{"Content-Type", "application/octet-stream"},
		{"Inference-Header-Content-Length", strconv.Itoa(len(head))},
	}, body}
}

// jsonRequest carries the row as decimals, each as short as it can be told from its
// neighbours in float32.
func jsonRequest(model string) request {
	var text strings.Builder
	fmt.Fprintf(&text, `{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","data":[`, inputs)
	for i, v := range row() {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	text.WriteString(`]}]}`)
	return request{"json", inferPath(model), [][2]string{{"Content-Type", "application/json"}}, []byte(text.String())}
}

// within adds a budget in milliseconds.
func (r request) within(ms int) request {
	r.headers = append(r.headers[:len(r.headers):len(r.headers)], [2]string{"Sluice-Budget-Ms", strconv.Itoa(ms)})
	return r
}

// wire is the request as bytes on a connection.
func (r request) wire(host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", r.path, host)
	for _, h := range r.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(r.body))
	b.Write(r.body)
	return b.Bytes()
}

// save writes the request's bytes to a file and returns its path.
func (b *bench) save(r request, host string) (string, error) {
	path := filepath.Join(b.dir, r.name+"-"+strings.ReplaceAll(host, ":", "-")+".http")
	if err := os.WriteFile(path, r.wire(host), 0o644); err != nil {
		return "", fmt.Errorf("cannot save a request: %w", err)
	}
	return path, nil
}

// answerShape is the size of a server's answer, with its head and without.
type answerShape struct{ total, body int }

// ask sends the request once, and makes sure that the answer is good.
func ask(r request, addr string) (answerShape, error) {
	c, err := dialBlocking(addr)
	if err != nil {
		return answerShape{}, err
	}
	defer c.close()
	a, err := c.exchange(r.wire(addr))
	if err != nil {
		return answerShape{}, fmt.Errorf("cannot ask %s: %w", addr, err)
	}
	if a.status != http.StatusOK {
		return answerShape{}, fmt.Errorf("%s answered %d: %s", addr, a.status, c.buf[:a.total])
	}
	return answerShape{a.total, a.body}, nil
}

var errClosed = fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
