package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
)

// stringModels is a folder with the example eta and a model that gives back the strings that it gets.
func stringModels(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "eta"), os.DirFS(filepath.Join(examples, "eta"))); err != nil {
		t.Fatal(err)
	}
	same := onnxgen.New(17).Input("x", onnxgen.String, "rows", "n").Node("Identity", "y", []string{"x"}).Shaped("y", onnxgen.String, "rows", "n")
	machine{t, dir}.write("strings/1/model.onnx", string(same.File()))
	return dir
}

// stringsOf is a request with n strings of a size in binary form.
func stringsOf(n, size int) string {
	element := string(binary.LittleEndian.AppendUint32(nil, uint32(size))) + strings.Repeat("x", size)
	head := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[1,%d],"parameters":{"binary_data_size":%d}}]}`, n, n*len(element))
	body := head + strings.Repeat(element, n)
	return fmt.Sprintf("POST /v2/models/strings/infer HTTP/1.1\r\nHost: h\r\nSluice-Budget-Ms: 10000\r\nInference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s", len(head), len(body), body)
}

// Clients send strings that are huge, and a huge number of empty ones, each of which costs a library
// much more than its four bytes.
func TestStringsStayBelowTheCeiling(t *testing.T) {
	c := startCaged(t, "--models", stringModels(t))
	most := int(c.cage.Limit / 128)
	f := func(name string, n, size int, only ...string) {
		t.Helper()
		c.cage.ResetPeak()
		request := stringsOf(n, size)
		ended := c.storm(t, 8, 3, func(int) string {
			raw := c.connect(t)
			defer raw.Close()
			return c.upload(raw, "", len(request), []byte(request), false)
		})
		for status := range ended {
			if !slices.Contains(only, status) {
				t.Errorf("%s ended with %v, want %v alone", name, ended, only)
			}
		}
		t.Logf("%s: %v", name, c.cage)
	}
	f("a huge one", 1, c.body-1<<10, "400", "503")
	f("empty ones", (c.body-1<<10)/4, 0, "400", "503")
	f("half as many", (c.body-1<<10)/8, 0, "400", "503")
	f("large ones", 24, 1<<20, "400", "503")
	f("the largest", 1, most-100, "200", "503", "429", "504")
	f("as many as may be", most/12-100, 0, "200", "400", "503", "429", "504") // the number has a limit of its own
	f("many", 1000, (most-20_000)/1000, "200", "503", "429", "504")
}
