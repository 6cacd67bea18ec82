package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tableModel is a models folder with one model: it looks up rows of a table, and fails as a whole
// if one of a batch's numbers is beyond it.
func tableModel(t *testing.T) string {
	t.Helper()
	model, err := os.ReadFile(filepath.FromSlash("../../backends/onnx/testdata/gather.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "table", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "table", "1", "model.onnx"), model, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// caller is a connection that sends a request at once and reads its answer later.
type caller struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func newCaller(t *testing.T, base string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) send(id int) {
	c.t.Helper()
	body := fmt.Sprintf(`{"inputs":[{"name":"id","datatype":"INT64","shape":[1],"data":[%d]}]}`, id)
	_, err := fmt.Fprintf(c.conn, "POST /v2/models/table/infer HTTP/1.1\r\nHost: x\r\nSluice-Budget-Ms: 5000\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err != nil {
		c.t.Fatal(err)
	}
}

// answer is the status of an answer, the rows of its batch (0 if it had none) and its body.
func (c *caller) answer() (status, batch int, body string) {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if said := res.Header.Get("Sluice-Batch"); said != "" {
		if batch, err = strconv.Atoi(said); err != nil {
			c.t.Fatal(err)
		}
	}
	return res.StatusCode, batch, string(text)
}

// Requests that come at once share batches. One with a number that the model refuses is answered
// 422, and each of its neighbours its own row.
func TestABadRowCostsItsOwnCaller(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--models", tableModel(t))
	var table []string
	first := newCaller(t, g.predict)
	for id := range 4 {
		first.send(id)
		status, _, body := first.answer()
		if status != http.StatusOK {
			t.Fatalf("row %d was answered %d: %s", id, status, body)
		}
		table = append(table, outputs(t, body))
	}
	f := func(callers, rounds int, bad func(round, caller int) bool) {
		t.Helper()
		var all []*caller
		for range callers {
			all = append(all, newCaller(t, g.predict))
		}
		shared, wrong := 0, 0
		for round := range rounds {
			for k, c := range all {
				if bad(round, k) {
					c.send(1 << 40)
				} else {
					c.send((round + k) % len(table))
				}
			}
			for k, c := range all {
				status, batch, body := c.answer()
				if batch > 1 {
					shared++
				}
				want := http.StatusOK
				if bad(round, k) {
					want = http.StatusUnprocessableEntity
				}
				if status != want {
					t.Errorf("round %d: caller %d was answered %d, want %d: %s", round, k, status, want, body)
					wrong++
				} else if got, row := body, table[(round+k)%len(table)]; want == http.StatusOK && outputs(t, got) != row {
					t.Errorf("round %d: caller %d got %s, want %s", round, k, outputs(t, got), row)
					wrong++
				}
				if wrong > 10 {
					t.FailNow()
				}
			}
		}
		t.Logf("%d callers, %d rounds: %d answers from a batch of several", callers, rounds, shared)
		if shared < rounds/4 {
			t.Errorf("of %d rounds of %d callers %d answers were from a batch of several: the test shows little", rounds, callers, shared)
		}
	}
	f(3, 3000, func(round, k int) bool { return k == round%3 })
	f(24, 40, func(_, k int) bool { return k == 5 || k == 17 })
	f(24, 40, func(round, k int) bool { return round%2 == 0 || k == 3 })
}

// outputs is the outputs of an answer, as they were sent.
func outputs(t *testing.T, body string) string {
	t.Helper()
	var answer struct {
		Outputs json.RawMessage `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return string(answer.Outputs)
}
