package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
)

// Attacks on the memory of a gateway that may take no more than its cage has. While each goes on, good
// requests are sent and their answers compared.

const toEta = "POST /v2/models/eta/infer HTTP/1.1\r\nHost: h\r\n"

// 500 connections announce the largest body each, send 100 bytes, and leave; twice.
func TestAnnouncedBodiesTakeNoMemory(t *testing.T) {
	c := startCaged(t)
	c.cage.ResetPeak()
	for range 2 {
		var all []net.Conn
		for range 500 {
			raw := c.connect(t)
			fmt.Fprintf(raw, toEta+"Content-Length: %d\r\n\r\n%s", c.body, strings.Repeat(" ", 100))
			all = append(all, raw)
		}
		c.wait(100) // good answers with all of them there
		for _, raw := range all {
			_ = raw.Close()
		}
	}
}

// 16 clients at once upload the largest bodies, in chunks and with a length.
func TestUploadsStayInTheirBudget(t *testing.T) {
	c := startCaged(t)
	c.cage.ResetPeak()
	piece := bytes.Repeat([]byte(" "), 256<<10)
	ended := c.storm(t, 16, 3, func(i int) string {
		raw := c.connect(t)
		defer raw.Close()
		if i%2 == 0 {
			return c.upload(raw, toEta+"Transfer-Encoding: chunked\r\n\r\n", c.body, piece, true)
		}
		return c.upload(raw, toEta+fmt.Sprintf("Content-Length: %d\r\n\r\n", c.body), c.body, piece, false)
	})
	if ended["400"] == 0 || ended["400"]+ended["503"]+ended["cut"] != 48 {
		t.Errorf("bodies of spaces ended with %v", ended)
	}
}

// 64 clients at once send bombs: small bodies that become the largest.
func TestBombsStayInTheirBudget(t *testing.T) {
	c := startCaged(t)
	c.cage.ResetPeak()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 4*c.body))
	_ = w.Close()
	head := toEta + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", packed.Len())
	ended := c.storm(t, 64, 2, func(int) string {
		raw := c.connect(t)
		defer raw.Close()
		return c.upload(raw, head, packed.Len(), packed.Bytes(), false)
	})
	if ended["413"]+ended["503"] != 128 {
		t.Errorf("the bombs ended with %v", ended)
	}
}

// tokens is a request to the encoder for rows of a length.
func tokens(rows, length int) string {
	list := strings.TrimSuffix(strings.Repeat("1,", rows*length), ",")
	one := func(name string) string {
		return fmt.Sprintf(`{"name":%q,"datatype":"INT64","shape":[%d,%d],"data":[%s]}`, name, rows, length, list)
	}
	return `{"inputs":[` + one("tokens") + "," + one("mask") + "]}"
}

// Clients ask for answers of megabytes and do not read them.
func TestUnreadAnswersStayInTheirBudget(t *testing.T) {
	c := startCaged(t)
	c.cage.ResetPeak()
	body := tokens(128, 64)
	request := fmt.Sprintf("POST /v2/models/encoder/infer HTTP/1.1\r\nHost: h\r\nSluice-Budget-Ms: 20000\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	n := 40
	if wholeAttack() {
		n = 200
	}
	for range n {
		raw := c.connect(t)
		_ = raw.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = io.WriteString(raw, request)
	}
	eventually(t, "the answers fill their budget or are all there", func() bool {
		_, metrics := c.get(c.admin + "/metrics")
		return strings.Contains(metrics, `outcome="no_capacity"`) ||
			strings.Contains(metrics, fmt.Sprintf("nv_inference_request_success{model=%q,version=\"1\"} %d\n", "encoder", n))
	})
	c.wait(50)
}

// Requests of every length make sessions plan for every shape, and versions come and go.
func TestShapesAndReloadsStayBelowTheCeiling(t *testing.T) {
	c := startCaged(t)
	var clients sync.WaitGroup
	var done atomic.Bool
	for i := range 4 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for !done.Load() {
				_, _ = c.post(c.predict+"/v2/models/encoder/infer", tokens(1+random.IntN(64), 1+random.IntN(200)))
			}
		})
	}
	reloads := 5
	if wholeAttack() {
		reloads = 10
	}
	for range reloads {
		for _, step := range []string{"unload", "load"} {
			if status, body := c.post(c.admin+"/v2/repository/models/digits/"+step, ""); status != http.StatusOK {
				t.Fatalf("%s answered %d: %s", step, status, body)
			}
		}
	}
	done.Store(true)
	clients.Wait()
}

// Connections that have carried large requests and answers keep little of them: no more than a
// connection counts in the budgets, in all that the gateway takes.
func TestIdleConnectionsKeepLittle(t *testing.T) {
	c := startCaged(t)
	body := tokens(8, 32)
	piece := []byte(body[:len(body)/2])
	before := c.cage.Usage()
	const n = 1000
	for range n {
		raw := c.connect(t)
		if got := c.upload(raw, "POST /v2/models/encoder/infer HTTP/1.1\r\nHost: h\r\nSluice-Budget-Ms: 20000\r\nTransfer-Encoding: chunked\r\n\r\n", 2*len(piece), piece, true); got != "400" && got != "200" {
			t.Fatalf("a request got %s", got)
		}
	}
	each := (c.cage.Usage() - before) / n
	t.Logf("%d idle connections keep %d KiB each", n, each>>10)
	if each > 64<<10 {
		t.Errorf("%d idle connections keep %d bytes each", n, each)
	}
}

// What a load or an unload of a model leaves is given back: after reloads a gateway takes what it took.
func TestReloadsLeaveNothing(t *testing.T) {
	longtest.Skip(t)
	layers := []int{512}
	for range 40 { // of 1 MiB each
		layers = append(layers, 512)
	}
	dir := t.TempDir()
	if err := (onnxgen.MLP{Layers: layers, Seed: 1}).Write(filepath.Join(dir, "large"), "1"); err != nil {
		t.Fatal(err)
	}
	// What larger batches take beside 40 MiB of weights is little, and to try them takes seconds.
	if err := os.WriteFile(filepath.Join(dir, "large", "1", "model.yaml"), []byte("max_batch: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	copyBundle(t, "eta", dir, "1")
	c := startCaged(t, "--models", dir)
	settled := func(most int64) {
		t.Helper()
		eventually(t, fmt.Sprintf("the gateway takes no more than %d MiB", most/mebibyte), func() bool { return c.cage.Usage() <= most })
	}
	settled(40*mebibyte + 70*mebibyte) // the model, once, and the gateway
	before := c.cage.Usage()
	for range 4 {
		for _, step := range []string{"unload", "load"} {
			if status, body := c.post(c.admin+"/v2/repository/models/large/"+step, ""); status != http.StatusOK {
				t.Fatalf("%s answered %d: %s", step, status, body)
			}
		}
	}
	settled(before + 20*mebibyte)
	t.Logf("%d MiB before the reloads, %d after", before/mebibyte, c.cage.Usage()/mebibyte)
}
