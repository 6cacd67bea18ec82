package httpfront

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// A connection that comes when the admin port is full takes the place of one that has no request.
func TestAdminConnectionsMakeRoom(t *testing.T) {
	e := serve(t, fixtures(), nil)
	admin := e.at(e.admin(nil))
	first := admin.dial()
	r := bufio.NewReader(first)
	if a := admin.exchange(first, r, get("/metrics")); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	for range 3 * maxAdminConnections {
		_ = admin.dial()
	}
	if a := admin.send(get("/metrics")); a.status != 200 {
		t.Errorf("beside idle connections a request got %d", a.status)
	}
	_ = first.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection that was idle for longest is not cut: %v", err)
	}
}

// Connections with requests under way keep their places.
func TestAdminConnectionsAreBounded(t *testing.T) {
	e := serve(t, fixtures(), nil)
	inside, release := make(chan struct{}), make(chan struct{})
	a, err := NewAdmin(AdminOptions{Models: e.models, Control: e.models, Server: e.server, MetricsOnly: true, Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-release
	})})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = a.Serve(ln) }()
	t.Cleanup(func() { _ = a.server.Close() })
	admin := e.at(ln.Addr().String())
	busy := make([]net.Conn, maxAdminConnections)
	for i := range busy {
		busy[i] = admin.dial()
		if _, err := busy[i].Write([]byte(get("/metrics"))); err != nil {
			t.Fatal(err)
		}
		<-inside
	}
	if a := admin.send(get("/v2/health/live")); a.status != 503 || !a.close {
		t.Errorf("one more connection got %d, close %v", a.status, a.close)
	}
	close(release)
	for _, c := range busy {
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
			t.Fatalf("a connection that was busy got %v", err)
		}
	}
	if a := admin.send(get("/v2/health/live")); a.status != 200 {
		t.Errorf("when they are idle again one more connection got %d", a.status)
	}
}

// A client that asks and does not read is given up.
func TestAdminClientDoesNotRead(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &counted{Conn: ours, from: &bounded{}, write: time.Millisecond}
	if _, err := c.Write([]byte("answer")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing gave %v", err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil || c.from.mu.open != -1 {
		t.Errorf("%v; %d are open, want -1", err, c.from.mu.open)
	}
}
