package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice/internal/onnxgen"
	"sluice/test/cage"
	"sluice/test/rig"
)

// containerBytes is the container of P12.
const containerBytes = 512 << 20

// memoryCeiling is P12.
func (t *trial) memoryCeiling() (v verdict) {
	box, err := cage.Make(containerBytes)
	t.must(err)
	t.after(func() { _ = box.Close() }) // the figures are in
	models, good := t.perceptron()
	// A second model with long rows and long answers.
	t.must(onnxgen.MLP{Layers: []int{512, 2048}, Seed: 6}.Write(filepath.Join(models, "wide"), "1"))
	g := t.start(rig.Options{Args: []string{"--models", models}, Command: box.Command})
	defer g.End()
	good = budgeted(t.learn(g, good), time.Second)
	stopProbes := t.probe("P12", g)
	var parts []string
	most := int64(0)
	records := under(to(g, 200, good), func(func() time.Duration) {
		for _, a := range []struct {
			name   string
			attack func(ctx context.Context, addr string)
		}{
			{"announced bodies", announce},
			{"chunked uploads", upload},
			{"answers unread", unread},
			{"large requests", large},
			{"reloads", func(ctx context.Context, _ string) { reload(ctx, g.Admin) }},
		} {
			box.ResetPeak()
			ctx, cancel := context.WithTimeout(context.Background(), scaled(10*time.Second))
			a.attack(ctx, g.Predict)
			cancel()
			most = max(most, box.Peak())
			parts = append(parts, fmt.Sprintf("%s %d MiB", a.name, box.Peak()>>20))
			if how, ended := g.Ended(); ended {
				t.must(fmt.Errorf("the gateway ended under %s: %v, %s", a.name, box, how))
			}
		}
	})
	stopProbes()
	s := total(records)
	v.held = box.Killed() == 0 && most <= containerBytes*9/10 && harmless(s)
	v.figure = fmt.Sprintf("peaks of the tree in %d MiB: %s; good requests meanwhile: %v%s", containerBytes>>20, strings.Join(parts, ", "), s, example(s))
	return v
}

// many runs a client so many times at once until the context ends.
func many(ctx context.Context, n int, addr string, client func(ctx context.Context, c net.Conn)) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				c, err := net.DialTimeout("tcp", addr, time.Second)
				if err != nil {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				client(ctx, c)
				stop()
				_ = c.Close()
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

// announce promises large bodies and sends a little.
func announce(ctx context.Context, addr string) {
	many(ctx, 200, addr, func(ctx context.Context, c net.Conn) {
		_, _ = fmt.Fprintf(c, "POST /v2/models/wide/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 60<<20, strings.Repeat(" ", 100))
		_, _ = c.Read(make([]byte, 1024))
	})
}

// upload sends bodies of 48 MiB in chunks.
func upload(ctx context.Context, addr string) {
	chunk := []byte("10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n")
	many(ctx, 16, addr, func(ctx context.Context, c net.Conn) {
		_, _ = fmt.Fprintf(c, "POST /v2/models/wide/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 48 << 4 {
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	})
}

// wideRequest asks for so many rows of 2,048 values each.
func wideRequest(rows int) string {
	row := strings.TrimSuffix(strings.Repeat("0.25,", 512), ",")
	body := fmt.Sprintf(`{"inputs":[{"name":"input","datatype":"FP32","shape":[%d,512],"data":[%s]}]}`, rows, strings.TrimSuffix(strings.Repeat(row+",", rows), ","))
	return fmt.Sprintf("POST /v2/models/wide/infer HTTP/1.1\r\nHost: x\r\nSluice-Budget-Ms: 5000\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// unread asks for large answers and does not read them.
func unread(ctx context.Context, addr string) {
	request := []byte(wideRequest(100))
	many(ctx, 64, addr, func(ctx context.Context, c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		for range 4 {
			if _, err := c.Write(request); err != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	})
}

// large asks for large answers and reads them.
func large(ctx context.Context, addr string) {
	request := []byte(wideRequest(400))
	many(ctx, 64, addr, func(_ context.Context, c net.Conn) {
		if _, err := c.Write(request); err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 1<<20))
	})
}

// reload loads a model again and again.
func reload(ctx context.Context, admin string) {
	for ctx.Err() == nil {
		_, _, _ = rig.Post(admin, "/v2/repository/models/wide/load", "") // a refusal is as good
	}
}
