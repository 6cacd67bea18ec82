package admin

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
	port := serve(t, nil)
	first := port.dial()
	r := bufio.NewReader(first)
	if a, _ := port.ask(first, r, get("/metrics")); a.StatusCode != 200 {
		t.Fatalf("got %d", a.StatusCode)
	}
	for range 3 * maxConnections {
		_ = port.dial()
	}
	if a, _ := port.send(get("/metrics")); a.StatusCode != 200 {
		t.Errorf("beside idle connections a request got %d", a.StatusCode)
	}
	_ = first.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection that was idle for longest is not cut: %v", err)
	}
}

// Connections with requests under way keep their places.
func TestAdminConnectionsAreBounded(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	port := serve(t, func(o *Options) {
		o.MetricsOnly, o.Metrics = true, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			inside <- struct{}{}
			<-release
		})
	})
	busy := make([]net.Conn, maxConnections)
	for i := range busy {
		busy[i] = port.dial()
		if _, err := busy[i].Write([]byte(get("/metrics"))); err != nil {
			t.Fatal(err)
		}
		<-inside
	}
	if a, _ := port.send(get("/v2/health/live")); a.StatusCode != 503 || !a.Close {
		t.Errorf("one more connection got %d, close %v", a.StatusCode, a.Close)
	}
	close(release)
	for _, c := range busy {
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
			t.Fatalf("a connection that was busy got %v", err)
		}
	}
	if a, _ := port.send(get("/v2/health/live")); a.StatusCode != 200 {
		t.Errorf("when they are idle again one more connection got %d", a.StatusCode)
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
