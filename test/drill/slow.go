package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"sluice/test/rig"
)

// The settings of P11: short, so that the drill sees the end of them.
const (
	slowConnections = 2000
	slowReadTimeout = 5 * time.Second
	slowFor         = 30 * time.Second
)

// slowClient opens a connection and makes no progress on it until the server ends it or the context does.
func slowClient(ctx context.Context, addr string, kind int) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	drip := []byte("POST /v2/models/small/infer HTTP/1.1\r\nHost: slow\r\nX-Long: ")
	switch kind % 4 {
	case 1: // a body a byte a second
		_, _ = c.Write([]byte("POST /v2/models/small/infer HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000000\r\n\r\n"))
		drip = []byte(`{"inputs":`)
	case 2: // asks, and never reads
		for range 64 {
			_, _ = c.Write([]byte("GET /openapi.json HTTP/1.1\r\nHost: slow\r\n\r\n"))
		}
		<-ctx.Done()
		return
	case 3: // says nothing at all
		<-ctx.Done()
		return
	}
	for i := 0; ; i++ {
		if _, err := c.Write(drip[i%len(drip) : i%len(drip)+1]); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// slowClients is P11.
func (t *trial) slowClients() (v verdict) {
	models, good := t.perceptron()
	g := t.start(rig.Options{
		Args: []string{"--models", models},
		Env:  []string{"SLUICE_LIMITS_READ_TIMEOUT=" + slowReadTimeout.String(), "SLUICE_LIMITS_HEADER_TIMEOUT=" + slowReadTimeout.String()},
	})
	t.learn(g, good)
	alone := total(recordsOf(to(g, 500, good), scaled(5*time.Second)))
	before := t.memoryOf(g)
	stopProbes := t.probe("P11", g)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients sync.WaitGroup
	for i := range slowConnections {
		clients.Go(func() { slowClient(ctx, g.Predict, i) })
	}
	time.Sleep(time.Second)
	most := before
	beside := total(under(to(g, 500, good), func(func() time.Duration) {
		for begun := time.Now(); time.Since(begun) < scaled(slowFor); time.Sleep(200 * time.Millisecond) {
			most = max(most, t.memoryOf(g))
		}
	}))
	stopProbes()
	open := t.counters(g, "sluice_http_connections")
	cancel()
	clients.Wait()
	grown := most - before
	v.held = untouched(beside) && grown <= 64<<20
	v.figure = fmt.Sprintf("%d good requests: %d failed%s; p99 %s (%s alone); memory +%d MiB of 64; %d of %d slow connections are left after %s",
		beside.Sent, beside.Sent-beside.OK, example(beside), ms(beside.P99), ms(alone.P99), grown>>20, max(0, int(open)-64), slowConnections, scaled(slowFor)+3*time.Second)
	return v
}
