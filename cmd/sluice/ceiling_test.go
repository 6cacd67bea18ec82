package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
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
	"time"

	"sluice/internal/onnxgen"
	"sluice/test/cage"
	"sluice/test/rig"
)

// Attacks on the memory of a gateway that may take no more than its cage has. While each goes on, good
// requests are sent and their answers compared. The quick form has 512 MiB; the whole, with
// SLUICE_DRILL_STRICT, has the 2 GiB and the numbers with which these attacks once ended a gateway.

// caged is a gateway with a memory limit, and its good clients.
type caged struct {
	*running
	cage    *cage.Cage
	body    int // the largest body
	stop    atomic.Bool
	clients sync.WaitGroup
	good    atomic.Int64
	refused atomic.Int64 // for want of memory
	shed    atomic.Int64 // for want of processors, which the attackers share
}

func startCaged(t *testing.T, args ...string) *caged {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	c := &caged{body: 32 * mebibyte}
	limit := int64(512 * mebibyte)
	if wholeAttack() {
		c.body, limit = 64*mebibyte, 2048*mebibyte
	}
	c.cage = cage.New(t, limit)
	c.running = launch(t, rig.Options{Command: c.cage.Command}, append([]string{"--models", examples}, args...)...)
	c.awaitReady()
	for range 2 {
		c.clients.Go(func() { c.ask(t) })
	}
	t.Cleanup(func() { c.leave(t) })
	return c
}

// wholeAttack says that the attacks have their full size.
func wholeAttack() bool { return os.Getenv("SLUICE_DRILL_STRICT") != "" }

// ask sends golden requests on one connection after the other and compares the answers.
func (c *caged) ask(t *testing.T) {
	rows := golden(t, "eta")
	for i := 0; !c.stop.Load(); i++ {
		row := rows[i%len(rows)]
		status, body := c.post(c.predict+"/v2/models/eta/infer", string(row.Request))
		var got struct{ Outputs []output }
		switch {
		case status == http.StatusServiceUnavailable:
			c.refused.Add(1)
		case status == http.StatusTooManyRequests, status == http.StatusGatewayTimeout:
			c.shed.Add(1)
		case status != http.StatusOK:
			if !c.stop.Load() {
				t.Errorf("a good request got %d %.200s", status, body)
			}
			return
		case json.Unmarshal([]byte(body), &got) != nil || !alike(got.Outputs[0].Data, row.Response.Outputs[0].Data):
			t.Errorf("a good request got a wrong answer: %.200s", body)
			return
		default:
			c.good.Add(1)
		}
	}
}

// leave ends the clients and holds the gateway against its ceiling.
func (c *caged) leave(t *testing.T) {
	t.Helper()
	c.stop.Store(true)
	c.clients.Wait()
	peak, limit := c.cage.Peak(), c.cage.Limit
	t.Logf("%v; %d good answers meanwhile, %d refused for memory, %d shed", c.cage, c.good.Load(), c.refused.Load(), c.shed.Load())
	if peak > limit*9/10 || c.cage.Killed() > 0 {
		t.Errorf("the peak is above nine tenths of the limit: %v", c.cage)
	}
	if c.good.Load() < 20 || c.refused.Load() > c.good.Load()/20 {
		t.Errorf("%d good requests were answered, %d refused", c.good.Load(), c.refused.Load())
	}
	if ended, _ := c.Ended(); ended {
		t.Errorf("the gateway has ended\n%s", c.Log())
	}
}

// connect opens a connection that is closed at the end at the latest.
func (c *caged) connect(t *testing.T) net.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", strings.TrimPrefix(c.predict, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	return raw
}

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

// wait waits until n more good requests have been answered.
func (c *caged) wait(n int64) {
	c.t.Helper()
	from := c.good.Load()
	eventually(c.t, "good requests are answered", func() bool { return c.good.Load() >= from+n || c.t.Failed() })
}

// upload sends a request whose body comes in pieces, and returns the answer's status.
func (c *caged) upload(raw net.Conn, head string, size int, piece []byte, chunked bool) string {
	if _, err := io.WriteString(raw, head); err != nil {
		return "cut"
	}
	for sent := 0; sent < size; sent += len(piece) {
		p := piece[:min(len(piece), size-sent)]
		if chunked {
			fmt.Fprintf(raw, "%x\r\n", len(p))
		}
		if _, err := raw.Write(p); err != nil {
			break // it was refused; the answer says why
		}
		if chunked {
			_, _ = io.WriteString(raw, "\r\n")
		}
	}
	if chunked {
		_, _ = io.WriteString(raw, "0\r\n\r\n")
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(raw, answer); err != nil {
		return "cut"
	}
	return string(answer[9:])
}

// storm runs n clients at once, a few times each, and counts how they ended.
func (c *caged) storm(t *testing.T, n, times int, client func(i int) string) map[string]int {
	t.Helper()
	var mu sync.Mutex
	ended := map[string]int{}
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			for range times {
				how := client(i)
				mu.Lock()
				ended[how]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	t.Logf("the attackers ended with %v", ended)
	return ended
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
	for range 10 {
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
	layers := []int{512}
	for range 40 { // of 1 MiB each
		layers = append(layers, 512)
	}
	dir := t.TempDir()
	if err := (onnxgen.MLP{Layers: layers, Seed: 1}).Write(filepath.Join(dir, "large"), "1"); err != nil {
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
