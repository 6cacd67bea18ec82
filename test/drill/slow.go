package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"sluice/internal/memory"
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
func (d *drill) slowClients() (v verdict, err error) {
	models, good, err := d.perceptron(5)
	if err != nil {
		return v, err
	}
	g, err := rig.Start(rig.Options{
		Binary: *binary, Args: []string{"--models", models},
		Env: []string{"SLUICE_LIMITS_READ_TIMEOUT=" + slowReadTimeout.String(), "SLUICE_LIMITS_HEADER_TIMEOUT=" + slowReadTimeout.String()},
	})
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	if err := rig.Learn(g.Predict, good); err != nil {
		return v, err
	}
	traffic := func() *rig.Traffic { return &rig.Traffic{Addr: rig.To(g.Predict), Rate: 500, Pick: anyOf(good)} }
	quiet, err := d.goodFor(traffic(), scaled(5*time.Second))
	if err != nil {
		return v, err
	}
	before, err := memory.PSS(g.PID())
	if err != nil {
		return v, err
	}
	stopProbes, err := d.probe("P11", g)
	if err != nil {
		return v, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients sync.WaitGroup
	for i := range slowConnections {
		clients.Go(func() { slowClient(ctx, g.Predict, i) })
	}
	time.Sleep(time.Second)
	most := before
	records, err := under(traffic(), func(func() time.Duration) error {
		for begun := time.Now(); time.Since(begun) < scaled(slowFor); time.Sleep(200 * time.Millisecond) {
			now, err := memory.PSS(g.PID())
			if err != nil {
				return err
			}
			most = max(most, now)
		}
		return nil
	})
	if err = errors.Join(err, stopProbes()); err != nil {
		return v, err
	}
	open, err := g.Counters("sluice_http_connections")
	cancel()
	clients.Wait()
	if err != nil {
		return v, err
	}
	alone, beside := rig.Tally(quiet, 0, rig.All, nil), rig.Tally(records, 0, rig.All, nil)
	grown := most - before
	v.held = harmless(beside) && beside.No+beside.Deadline == 0 && grown <= 64<<20
	v.figure = fmt.Sprintf("%d good requests: %d failed%s; p99 %s (%s alone); memory +%d MiB of 64; %d of %d slow connections are left after %s",
		beside.Sent, beside.Sent-beside.OK, example(beside), ms(beside.P99), ms(alone.P99), grown>>20, max(0, int(open)-64), slowConnections, scaled(slowFor)+3*time.Second)
	return v, nil
}
