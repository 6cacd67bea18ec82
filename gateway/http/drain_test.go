package httpfront

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
)

// Requests that were accepted before and during a drain are all answered, each with
// Connection: close, and only then does Shutdown return.
func TestDrainLosesNothing(t *testing.T) {
	e := serve(t, fixtures(), nil)
	const clients = 24
	var sent, answered atomic.Int64
	var running sync.WaitGroup
	begun := make(chan struct{})
	var once sync.Once
	for range clients {
		running.Go(func() {
			for {
				c, err := net.Dial("tcp", e.addr)
				if err != nil {
					return // no longer accepting
				}
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				r := bufio.NewReader(c)
				for closed := false; !closed; {
					if _, err := io.WriteString(c, post(simpleInfer, simpleBody(""))); err != nil {
						t.Errorf("cannot send on an open connection: %v", err)
						break
					}
					sent.Add(1)
					a, err := readAnswer(r)
					if err != nil || a.status != 200 {
						t.Errorf("a sent request got %d, %v", a.status, err)
						break
					}
					closed = a.close
					if answered.Add(1) == 500 {
						once.Do(func() { close(begun) })
					}
				}
				_ = c.Close()
				select {
				case <-begun:
					return // a balancer that saw the server unready
				default:
				}
			}
		})
	}
	<-begun
	e.server.BeginDrain()
	if a := e.send(get("/v2/health/ready")); a.status != 503 || !strings.Contains(a.body, "DRAINING") || !a.close {
		t.Errorf("readiness while draining: %d %s", a.status, a.body)
	}
	running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != answered.Load() {
		t.Fatalf("%d requests were sent, %d answered", sent.Load(), answered.Load())
	}
	if open := e.seen.connections(); open != 0 {
		t.Fatalf("%d connections are still counted as open", open)
	}
}

func (r *recorder) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// Shutdown waits for a request that is being run; its answer arrives.
func TestShutdownWaitsForRunningRequests(t *testing.T) {
	model, entered, open := gated()
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	answer := make(chan answerOf, 1)
	go func() {
		_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
		a, _ := readAnswer(bufio.NewReader(c))
		answer <- a
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- e.server.Shutdown(context.Background()) }()
	e.eventually("new connections are refused", func() bool {
		c, err := net.Dial("tcp", e.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned %v before the answer", err)
	default:
	}
	close(open)
	if a := <-answer; a.status != 200 || !a.close {
		t.Fatalf("got %d, close %v", a.status, a.close)
	}
	if err := <-down; err != nil {
		t.Fatal(err)
	}
}

// After the drain deadline requests are refused 503 DRAINING, and a request whose task
// the scheduler ends is answered before Close cuts the connection.
func TestDrainDeadline(t *testing.T) {
	model, entered, open := gated()
	run := model.run
	model.run = func(tk *task.Task) error {
		_ = run(tk)
		return fault.New(fault.Draining, "the server is shutting down")
	}
	e := serve(t, newFakeModels(model), nil)
	waiting, late := e.dial(), e.dial()
	_, _ = io.WriteString(waiting, post(simpleInfer, simpleBody("")))
	_, _ = io.WriteString(late, "POST "+simpleInfer+" HTTP/1.1\r\n") // not idle, so not closed
	<-entered
	e.eventually("the late request has begun", func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		busy := 0
		for c := range e.server.mu.conns {
			if c.idle.Load() == 0 {
				busy++
			}
		}
		return busy == 2 || workers > 0 && busy == 1 // the waiting one is a loop's
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := e.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	body := simpleBody("")
	a := e.exchange(late, bufio.NewReader(late), strings.TrimPrefix(post(simpleInfer, body), "POST "+simpleInfer+" HTTP/1.1\r\n"))
	if a.status != 503 || !strings.Contains(a.body, "DRAINING") || !a.close {
		t.Fatalf("a late request got %d %s", a.status, a.body)
	}
	close(open)
	a, err := readAnswer(bufio.NewReader(waiting))
	if err != nil || a.status != 503 || !strings.Contains(a.body, "DRAINING") {
		t.Fatalf("a waiting request got %d %s, %v", a.status, a.body, err)
	}
	if err := e.server.Close(); err != nil {
		t.Fatal(err)
	}
}
