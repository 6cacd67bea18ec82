package worker

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// gateway is the other end of a Serve that runs in this process.
type gateway struct {
	control, lane *stream
	served        chan error
	opened        uint32 // models
}

func serveHere(ctx context.Context, t *testing.T) *gateway {
	t.Helper()
	conn, theirs, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	lane, laneFile, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{control: newStream(conn), lane: newStream(lane), served: make(chan error, 1)}
	go func() { g.served <- Serve(ctx, theirs, testHost{}) }()
	g.control.request.reset(hello)
	g.control.request.session, g.control.request.rows = protocol, 1
	if err := g.control.exchange(soon(), []*os.File{laneFile}); err != nil {
		t.Fatal(err)
	}
	laneFile.Close()
	t.Cleanup(func() {
		shut(conn)
		shut(lane)
	})
	return g
}

// ask makes an exchange and returns the text of a failure.
func (g *gateway) ask(t *testing.T, q message, files ...*os.File) string {
	t.Helper()
	g.lane.request = q
	if err := g.lane.exchange(soon(), files); err != nil {
		t.Fatal(err)
	}
	return string(g.lane.answer.text)
}

func (g *gateway) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-g.served:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Serve does not end")
		return nil
	}
}

func described(t *testing.T, text []byte) *os.File {
	t.Helper()
	f, err := newMemory(len(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestRequestsThatMakeNoSense are answered with a failure; the child goes on.
func TestRequestsThatMakeNoSense(t *testing.T) {
	g := serveHere(context.Background(), t)
	f := func(want string, q message, files ...*os.File) {
		t.Helper()
		if got := g.ask(t, q, files...); !strings.Contains(got, want) {
			t.Errorf("%+v was answered with %q, want %q", q, got, want)
		}
	}
	spec := func(s Spec) *os.File {
		text, err := json.Marshal(opening{s, 1 << 12})
		if err != nil {
			t.Fatal(err)
		}
		return described(t, text)
	}
	echo := Spec{Path: "identity", Schema: fake.Echo(8)}
	f("no description", message{kind: openModel})
	f("description of the model", message{kind: openModel}, described(t, []byte("{")))
	f("no inputs", message{kind: openModel}, spec(Spec{}))
	f("0 slabs for", message{kind: openModel}, spec(echo))
	f("shared memory of 1 bytes", message{kind: openModel}, spec(echo), described(t, []byte("x")))
	f("no model 9", message{kind: runBatch, session: 9, rows: 1})
	f("not for a stream", message{kind: hello, session: openHere(t, g, spec(echo), echo)})
	f("0 rows", message{kind: runBatch, session: 1})
	f("9 rows", message{kind: runBatch, session: 1, rows: 9})
	f("in lane 1", message{kind: runBatch, session: 1, rows: 1, lane: 1})
	f("no lane 1", message{kind: runBlank, session: 1, rows: 1, lane: 1})
	f("more inputs", message{kind: runBatch, session: 1, rows: 1, tensors: []region{{index: 0}}})
	free := fake.Echo(8)
	free.Inputs[0].Shape = []int64{-1, -1}
	open := Spec{Path: "identity", Schema: free}
	openHere(t, g, spec(open), open)
	f("not described", message{kind: runBatch, session: 2, rows: 1})
	f("outside of their place", message{kind: runBatch, session: 2, rows: 1, tensors: []region{{0, 1 << 20, 16, []int64{1, 4}}}})
	f("8 bytes for the shape", message{kind: runBatch, session: 2, rows: 1, tensors: []region{{0, 0, 8, []int64{1, 4}}}})
	f("for a batch of 1 rows", message{kind: runBatch, session: 2, rows: 1, tensors: []region{{0, 0, 32, []int64{2, 4}}}})
	f("", message{kind: runBatch, session: 2, rows: 1, wanted: 1, tensors: []region{{0, 0, 16, []int64{1, 4}}}})
	f("", message{kind: closeModel, session: 2})
	f("no model 2", message{kind: closeModel, session: 2})
	shut(g.control.conn)
	if err := g.ended(t); err != nil {
		t.Errorf("after the gateway hung up Serve returned %v", err)
	}
}

// openHere opens a model over a new slab, under the next number from 1.
func openHere(t *testing.T, g *gateway, spec *os.File, s Spec) uint32 {
	t.Helper()
	g.opened++
	session, err := newSession(&Device{o: Options{FreeBytes: 1 << 12}}, s)
	if err != nil {
		t.Fatal(err)
	}
	m, f, err := newSlab(session.places.size)
	if err != nil {
		t.Fatal(err)
	}
	defer m.release()
	defer f.Close()
	if text := g.ask(t, message{kind: openModel, session: g.opened}, spec, f); text != "" {
		t.Fatal(text)
	}
	return g.opened
}

func TestMalformedRequestsEndTheChild(t *testing.T) {
	answer := message{kind: runBatch, flags: isAnswer}
	for _, data := range [][]byte{{1}, make([]byte, headBytes), make([]byte, maxMessage+2), answer.append(nil)} {
		g := serveHere(context.Background(), t)
		if _, err := g.lane.conn.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := g.ended(t); err == nil {
			t.Errorf("after %d bytes that are no request Serve returned nil", len(data))
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g := serveHere(ctx, t)
	cancel()
	if err := g.ended(t); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestServeWithoutAGateway(t *testing.T) {
	f := func(send func(conn *net.UnixConn)) {
		t.Helper()
		conn, theirs, err := newPair()
		if err != nil {
			t.Fatal(err)
		}
		send(conn)
		if err := Serve(context.Background(), theirs, testHost{}); err == nil {
			t.Error("Serve returned nil")
		}
		shut(conn)
	}
	f(func(conn *net.UnixConn) { shut(conn) })
	f(func(conn *net.UnixConn) {
		q := message{kind: hello, session: protocol + 1, rows: 1}
		_, _, err := conn.WriteMsgUnix(q.append(nil), unix.UnixRights(0), nil)
		if err != nil {
			t.Fatal(err)
		}
	})
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(context.Background(), file, testHost{}); err == nil {
		t.Error("Serve over a file returned nil")
	}
}

// FuzzAnswer shows that no answer makes the gateway read outside of a slab.
func FuzzAnswer(f *testing.F) {
	schema := fake.Echo(8)
	schema.Outputs = append(schema.Outputs, schema.Outputs[0], schema.Outputs[0])
	schema.Outputs[1].Name, schema.Outputs[1].Shape = "free", []int64{-1, -1}
	schema.Outputs[2].Name, schema.Outputs[2].Shape, schema.Outputs[2].Type = "words", []int64{-1, 1}, tensor.Bytes
	s, err := newSession(&Device{o: Options{FreeBytes: 1 << 10}}, Spec{Schema: schema})
	if err != nil {
		f.Fatal(err)
	}
	at := s.places.free.offset
	good := message{kind: runBatch, flags: isAnswer, tensors: []region{{1, at, 16, []int64{2, 2}}, {2, at + 64, 10, []int64{2, 1}}}}
	f.Add(good.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m message
		l := &s.lanes[0]
		l.slab = &slab{bytes: make([]byte, s.places.size)}
		x := numbers(4, 1, 2)
		x.Reserve(3)
		var err error
		if l.batch, err = s.layout.Measure([]task.Part{whole(x)}); err != nil {
			t.Fatal(err)
		}
		if m.decode(b) != nil || s.accept(l, &m) != nil {
			return
		}
		l.ran = l.batch.Wanted
		_ = s.Scatter(0, []task.Part{whole(x)}) // strings may still be refused
		x.Release()
	})
}
