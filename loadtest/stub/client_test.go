package stub

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; it bounds a test that fails.
const patience = 30 * time.Second

// started starts a server from an expression, and checks its books when the test is over.
func started(t testing.TB, behaviour string) *Server {
	t.Helper()
	o, err := Parse(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		checkBooks(t, s.Counts())
	})
	return s
}

// checkBooks checks what holds for the counts at any time.
func checkBooks(t testing.TB, c Counts) {
	t.Helper()
	if sum := c.Answered + c.Lost.N + c.Dropped.N + c.Closed.N + c.Gone + c.InFlight; sum != c.Accepted || c.InFlight < 0 {
		t.Errorf("accepted %d requests, and accounted for %d: %+v", c.Accepted, sum, c)
	}
	var byStatus int64
	for _, n := range c.Status {
		byStatus += n
	}
	if byStatus != c.Answered {
		t.Errorf("answered %d, by status %d: %+v", c.Answered, byStatus, c)
	}
}

// until asks for the counts until they are as they should be.
func until(t testing.TB, s *Server, as func(Counts) bool) {
	t.Helper()
	for begun := time.Now(); !as(s.Counts()); {
		if time.Since(begun) > patience {
			t.Fatalf("the counts stay at %+v", s.Counts())
		}
	}
}

// client is a connection.
type client struct {
	testing.TB
	net.Conn
	in *bufio.Reader
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	c, err := net.Dial("tcp4", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.Fatal(err)
	}
}

// answer is what a test looks at of an answer.
type answer struct {
	status int
	header http.Header
	body   []byte
	id     string
	y      []float32
}

func (c *client) read() answer {
	c.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.Fatal(err)
	}
	a := answer{status: r.StatusCode, header: r.Header}
	if a.body, err = io.ReadAll(r.Body); err != nil {
		c.Fatal(err)
	}
	r.Body.Close()
	document, blob := a.body, []byte(nil)
	if n, err := strconv.Atoi(r.Header.Get("Inference-Header-Content-Length")); err == nil {
		document, blob = a.body[:n], a.body[n:]
	}
	var v struct {
		ID      string
		Outputs []struct{ Data []float32 }
	}
	if err := json.Unmarshal(document, &v); err != nil {
		c.Fatalf("%q: %v", a.body, err)
	}
	a.id = v.ID
	if len(v.Outputs) == 1 {
		a.y = v.Outputs[0].Data
	}
	for ; len(blob) > 0; blob = blob[4:] {
		a.y = append(a.y, math.Float32frombits(binary.LittleEndian.Uint32(blob)))
	}
	return a
}

// ended waits for the connection's end.
func (c *client) ended() {
	c.Helper()
	if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		c.Errorf("got %q, error %v, where the connection's end should be", rest, err)
	}
}

// closeWrite says that nothing more will be sent.
func (c *client) closeWrite() {
	c.Helper()
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		c.Fatal("the connection is not TCP")
	}
	if err := tcp.CloseWrite(); err != nil {
		c.Fatal(err)
	}
}

// reset breaks the connection off, so that the server learns of it at once.
func (c *client) reset() {
	c.Helper()
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		c.Fatal("the connection is not TCP")
	}
	if err := tcp.SetLinger(0); err != nil {
		c.Fatal(err)
	}
	c.Close()
}

func (c *client) get(path string) answer {
	c.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: stub\r\n\r\n")
	return c.read()
}

// input is the rows of x of a variant.
func input(variant, rows int) []float32 {
	x := make([]float32, rows*InputColumns)
	for i := range x {
		x[i] = float32(variant) + float32(i)/8
	}
	return x
}

// expected is the answer to input.
func expected(variant, rows int) (y []float32) {
	x := input(variant, rows)
	for ; len(x) > 0; x = x[InputColumns:] {
		row := Answer(x[:InputColumns])
		y = append(y, row[:]...)
	}
	return y
}

func post(headers, body string) string {
	return fmt.Sprintf("POST /v2/models/stub/infer HTTP/1.1\r\nHost: stub\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

// asJSON is a request in JSON; id may be "".
func asJSON(id string, variant, rows int) string {
	data, _ := json.Marshal(input(variant, rows))
	return post("", fmt.Sprintf(`{"id":%q,"inputs":[{"name":"x","shape":[%d,16],"datatype":"FP32","data":%s}]}`, id, rows, data))
}

// asBinary is a request in binary that wants a binary answer.
func asBinary(id string, variant, rows int) string {
	document := fmt.Sprintf(`{"id":%q,"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[%d,16],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, id, rows, rows*64)
	body := []byte(document)
	for _, v := range input(variant, rows) {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	return post(fmt.Sprintf("Inference-Header-Content-Length: %d\r\n", len(document)), string(body))
}

// right checks an answer with status 200 for its values and id.
func right(t testing.TB, a answer, id string, variant, rows int) {
	t.Helper()
	if a.status != http.StatusOK || a.id != id || !same(a.y, expected(variant, rows)) {
		t.Errorf("got %d, id %q, y %v: %.200q; want 200, id %q, y %v", a.status, a.id, a.y, a.body, id, expected(variant, rows))
	}
}

func same(a, b []float32) bool {
	return len(a) == len(b) && fmt.Sprint(a) == fmt.Sprint(b)
}

// stage is a duration of Server-Timing.
func stage(t testing.TB, a answer, name string) time.Duration {
	t.Helper()
	for _, part := range strings.Split(a.header.Get("Server-Timing"), ", ") {
		if text, ok := strings.CutPrefix(part, name+";dur="); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return time.Duration(v * float64(time.Millisecond))
		}
	}
	t.Fatalf("there is no stage %q in %v", name, a.header)
	return 0
}

// Answer is the row of y that belongs to a row of x, as appendAnswer has it in bytes.
func Answer(x []float32) (y [OutputColumns]float32) {
	var h uint64
	for _, v := range x {
		h = absorb(h, math.Float32bits(v))
	}
	for i := range y {
		y[i] = math.Float32frombits(number(h, i))
	}
	return y
}
