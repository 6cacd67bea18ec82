package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/child"
	"sluice/internal/longtest"
)

// SIGTERM under a hundred busy clients, beside processes that take all cores. Each lets go of a
// connection when it is told to, and half of them connect again at once, for as long as they can.
// None heeds readiness: this is the server alone. A quarter sends bodies in chunks, which event
// loops leave to goroutines.

const (
	terminationClients = 100
	// terminationLost is how many of them may lose a request in a run. A request that is on its way
	// when an idle connection is closed is lost in any HTTP server.
	terminationLost = 3
	// terminationExit is how much longer than its drain delay a server may take to end; it counts where
	// the drill has the machine for itself, see stopWithin.
	terminationExit = 2 * time.Second
)

func TestTerminationUnderLoad(t *testing.T) {
	longtest.Skip(t)
	runs, delays := 1, []string{"1s"}
	if os.Getenv(drillStrict) != "" {
		runs, delays = 20, []string{"1s", "0s"}
	}
	for _, delay := range delays {
		var lost, asked, longest int64
		worst := int64(0)
		for range runs {
			r := terminate(t, delay)
			lost, asked, longest, worst = lost+r.lost, asked+r.answered, max(longest, r.exit.Milliseconds()), max(worst, r.lost)
		}
		t.Logf("drain.delay %s, %d runs of %d clients: %d requests answered, %d lost, at most %d in a run; the longest end took %d ms",
			delay, runs, terminationClients, asked, lost, worst, longest)
		if worst > terminationLost {
			t.Errorf("%d of %d clients lost a request", worst, terminationClients)
		}
	}
}

type termination struct {
	lost, answered int64
	exit           time.Duration
}

func terminate(t *testing.T, delay string) (r termination) {
	g := startGateway(t, "--models", examples, "--drain-delay", delay)
	for range 2 * runtime.NumCPU() {
		neighbour, err := child.Start(exec.Command("sh", "-c", "while :; do :; done"))
		if err != nil {
			t.Fatal(err)
		}
		defer neighbour.End()
	}
	body := golden(t, "eta")[0].Request
	const head = "POST /v2/models/eta/infer HTTP/1.1\r\nHost: h\r\nSluice-Budget-Ms: 1000\r\n"
	plain := fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	chunked := fmt.Appendf(nil, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(body), body)
	var lost, answered atomic.Int64
	var clients sync.WaitGroup
	for i := range terminationClients {
		request := plain
		if i%4 < 1 {
			request = chunked
		}
		clients.Go(func() {
			err := askUntilTheEnd(strings.TrimPrefix(g.predict, "http://"), request, i%2 == 0, &answered)
			if err != nil {
				lost.Add(1)
				t.Log(err)
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	drain, err := time.ParseDuration(delay)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	g.stop()
	if r.exit = time.Since(begin); r.exit > drain+terminationExit && os.Getenv(drillStrict) != "" {
		t.Errorf("it took %v to end\n%s", r.exit, g.Log())
	}
	clients.Wait()
	r.lost, r.answered = lost.Load(), answered.Load()
	return r
}

// askUntilTheEnd sends requests until nobody answers any more. The error is that a request was written
// to its end and got no answer.
func askUntilTheEnd(addr string, request []byte, again bool, answered *atomic.Int64) error {
	for connected := false; !connected || again; connected = true {
		c, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			return nil //nolint:nilerr // nobody is there: the end
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		r := bufio.NewReader(c)
		for last := false; !last; {
			if _, err := c.Write(request); err != nil {
				break // it was closed before the request was on its way
			}
			response, err := http.ReadResponse(r, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
			}
			if err != nil {
				c.Close()
				return fmt.Errorf("a request of %d bytes was written and got no answer: %w", len(request), err)
			}
			answered.Add(1)
			last = response.Close
		}
		c.Close()
	}
	return nil
}
