package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/longtest"
	"sluice/test/cage"
	"sluice/test/rig"
)

// caged is a gateway with a memory limit, and its good clients. The quick form has 512 MiB; the whole,
// with SLUICE_DRILL_STRICT, has the 2 GiB with which attacks once ended a gateway.
type caged struct {
	*running
	cage    *cage.Cage
	body    int // the largest body
	stop    atomic.Bool
	clients sync.WaitGroup
	good    atomic.Int64
	refused atomic.Int64 // for want of memory
	shed    atomic.Int64 // for want of processors, which the attackers share
	killing bool         // the system may end processes other than the gateway
}

func startCaged(t *testing.T, args ...string) *caged {
	t.Helper()
	longtest.NotRaced(t)
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
	if !c.killing && (peak > limit*9/10 || c.cage.Killed() > 0) {
		t.Errorf("the peak is above nine tenths of the limit: %v", c.cage)
	}
	if c.good.Load() < 20 || c.refused.Load() > c.good.Load()/20 {
		t.Errorf("%d good requests were answered, %d refused", c.good.Load(), c.refused.Load())
	}
	if how, ended := c.Ended(); ended {
		t.Errorf("the gateway has ended: %s\n%s", how, c.Log())
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
