package httpfront

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/internal/task"
)

// gated is the simple model whose runs wait for a word.
func gated() (m *fakeModel, entered chan *task.Task, open chan struct{}) {
	m = simpleModel()
	run := m.run
	entered, open = make(chan *task.Task, 16), make(chan struct{})
	m.run = func(t *task.Task) error {
		entered <- t
		<-open
		return run(t)
	}
	return m, entered, open
}

// A panic costs its request and nothing else; the model is let go.
func TestPanicIsOneRequest(t *testing.T) {
	model := simpleModel()
	run := model.run
	var calls atomic.Int32
	model.run = func(t *task.Task) error {
		if calls.Add(1) == 1 {
			panic("broken")
		}
		return run(t)
	}
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	if a := e.exchange(c, r, post(simpleInfer, simpleBody(""))); a.status != 500 || !strings.Contains(a.body, `"code":"INTERNAL"`) || strings.Contains(a.body, "broken") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := e.exchange(c, r, post(simpleInfer, simpleBody(""))); a.status != 200 {
		t.Fatalf("the next request got %d %s", a.status, a.body)
	}
	e.eventually("the model is let go", func() bool { return model.pins.Load() == 0 })
}

// The scheduler can ask whether a waiting request's client is still there.
func TestPeerGone(t *testing.T) {
	model, entered, open := gated()
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
	tk := <-entered
	if tk.Peer == nil || tk.Peer.Gone() {
		t.Fatal("a client that waits is taken for gone")
	}
	_, _ = io.WriteString(c, "GET") // the start of a pipelined request is a sign of life
	e.eventually("the bytes arrive", tk.Peer.(interface{ Pending() bool }).Pending)
	if tk.Peer.Gone() {
		t.Fatal("a client that pipelines is taken for gone")
	}
	for _, reset := range []bool{false, true} {
		c := e.dial()
		_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
		tk := <-entered
		if reset {
			_ = c.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
		e.eventually("a client that left is seen as gone", tk.Peer.Gone)
	}
	close(open)
}
