package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sluice/internal/onnxgen"
)

// lengthModels is a folder with the examples eta and encoder, and a model of two free axes whose
// runs take memory by their product.
func lengthModels(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"eta", "encoder"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(examples, name))); err != nil {
			t.Fatal(err)
		}
	}
	outer := onnxgen.New(17).Input("x", onnxgen.Float32, "rows", "a", 1).Input("y", onnxgen.Float32, "rows", 1, "b").
		Node("Mul", "all", onnxgen.In("x", "y")).
		Node("ReduceMax", "most", onnxgen.In("all"), onnxgen.Wholes("axes", 1, 2), onnxgen.Whole("keepdims", 0)).
		Shaped("most", onnxgen.Float32, "rows")
	at := filepath.Join(dir, "outer", "1")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "model.onnx"), outer.File(), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// outerProduct is a request to the model of two free axes.
func outerProduct(a, b int) string {
	ones := func(n int) string { return strings.TrimSuffix(strings.Repeat("1,", n), ",") }
	return fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,%d,1],"data":[%s]},{"name":"y","datatype":"FP32","shape":[1,1,%d],"data":[%s]}]}`, a, ones(a), b, ones(b))
}

// binaryTokens is a request to the encoder with binary data.
func binaryTokens(rows, length int) (header int, body string) {
	one := func(name string) string {
		return fmt.Sprintf(`{"name":%q,"datatype":"INT64","shape":[%d,%d],"parameters":{"binary_data_size":%d}}`, name, rows, length, 8*rows*length)
	}
	head := `{"inputs":[` + one("tokens") + "," + one("mask") + "]}"
	return len(head), head + strings.Repeat("\x01\x00\x00\x00\x00\x00\x00\x00", 2*rows*length)
}

// v1Tokens is a V1 request to the encoder.
func v1Tokens(length int) string {
	list := "[[" + strings.TrimSuffix(strings.Repeat("1,", length), ",") + "]]"
	return `{"inputs":{"tokens":` + list + `,"mask":` + list + `}}`
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// Clients send rows so long, or so many of them, that one run would take all memory: attention takes
// the square of the length. Each is refused at once, on a connection that stays open, or cut into
// runs that fit.
func TestLongRowsStayBelowTheCeiling(t *testing.T) {
	c := startCaged(t, "--models", lengthModels(t))
	c.cage.ResetPeak()
	raw := c.connect(t)
	answers := bufio.NewReader(raw)
	// send sends a request on the one connection and returns the answer.
	send := func(path, headers, body string) (int, string) {
		t.Helper()
		fmt.Fprintf(raw, "POST %s HTTP/1.1\r\nHost: h\r\nSluice-Budget-Ms: 60000\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, c.Log())
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	refused := func(name, path, headers, body string, want ...string) {
		t.Helper()
		for range 20 {
			status, text := send(path, headers, body)
			for _, w := range append(want, "SHAPE_TOO_LARGE", "max_length") {
				if status != http.StatusBadRequest || !strings.Contains(text, w) {
					t.Fatalf("%s: %d %.300s; want %q", name, status, text, w)
				}
			}
		}
	}
	const encoder = "/v2/models/encoder/infer"
	header, binary := binaryTokens(1, 20_000)
	refused("JSON", encoder, "", tokens(1, 20_000), "input 'tokens' has length 20000 on axis 1, more than the limit of ", "{seq: ")
	refused("gzip", encoder, "Content-Encoding: gzip\r\n", packed(tokens(1, 20_000)), "length 20000")
	refused("binary", encoder, fmt.Sprintf("Inference-Header-Content-Length: %d\r\n", header), binary, "length 20000")
	refused("V1", "/v1/models/encoder:predict", "", v1Tokens(20_000), "length 20000")
	refused("two axes", "/v2/models/outer/infer", "", outerProduct(20_000, 20_000), "product")

	_, config := c.get(c.predict + "/v2/models/encoder/config")
	longest := 0
	if _, err := fmt.Sscanf(config[strings.Index(config, `"max_length":{"string_value":"`)+len(`"max_length":{"string_value":"`):], "seq=%d", &longest); err != nil || longest < 256 {
		t.Fatalf("the longest row is %d: %v in %s", longest, err, config)
	}
	if status, text := send(encoder, "", tokens(1, longest)); status != http.StatusOK {
		t.Errorf("a row of the longest length: %d %.300s", status, text)
	}
	peak := c.cage.Peak()
	t.Logf("seq up to %d; the peak with refusals and one row of that length is %d MiB", longest, peak/mebibyte)

	// Many rows of the longest length are cut into runs.
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 2 {
				if status, text := c.post(c.predict+encoder, tokens(24, longest)); status != http.StatusOK && status != http.StatusTooManyRequests && status != http.StatusGatewayTimeout && status != http.StatusServiceUnavailable {
					t.Errorf("many long rows: %d %.300s", status, text)
				}
			}
		})
	}
	if status, text := send(encoder, "", tokens(16, longest)); status != http.StatusOK && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		t.Errorf("sixteen rows of the longest length: %d %.300s", status, text)
	}
	clients.Wait()
	t.Logf("with many such rows it is %d MiB of %d", c.cage.Peak()/mebibyte, c.cage.Limit/mebibyte)
	c.wait(20)
}
