package redis

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until waits for something that happens soon.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it does not come: ", what)
		}
	}
}

// open makes a store and waits until it is connected.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	s := begin(t, o)
	if _, err := s.narrow.wait(patient(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func begin(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func reader(t testing.TB, s *Store, g *store.Group) store.Reader {
	t.Helper()
	r, err := s.Reader(g)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func group(t testing.TB, view string, keys []store.KeyColumn, columns ...store.Column) *store.Group {
	t.Helper()
	g, err := store.NewGroup(store.Group{Name: "g", View: view, Keys: keys, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func float(name string) store.Column { return store.Column{Name: name, Type: tensor.FP32, Width: 1} }

var byID = []store.KeyColumn{{Name: "id", Type: store.Int64}}

func id(v int64) store.Key { return store.AppendInt(nil, store.Int64, v) }

func ids(values ...int64) (keys []store.Key) {
	for _, v := range values {
		keys = append(keys, id(v))
	}
	return keys
}

// numbers is a row's FP32 columns; what is missing or wrong is -1 or -2.
func numbers(r *store.Rows, key int) (values []float64) {
	at := 0
	for i, state := range r.States(key) {
		c := &r.Group().Columns[i]
		switch state {
		case store.Present:
			for n := range c.Width {
				if c.Type.Integer() {
					values = append(values, float64(tensor.IntAt(c.Type, r.Row(key)[at+n*c.Type.Size():])))
				} else {
					values = append(values, tensor.FloatAt(c.Type, r.Row(key)[at:], n))
				}
			}
		case store.Missing:
			values = append(values, -1)
		default:
			values = append(values, -2)
		}
		at += c.Size()
	}
	return values
}

// proxy stands before a server, to hold its replies back and to cut its connections.
type proxy struct {
	net.Listener
	to string

	mu    sync.Mutex
	held  chan struct{} // nil: nothing is held back
	conns []net.Conn
	ends  sync.WaitGroup
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	p.ends.Go(p.accept)
	t.Cleanup(func() {
		p.flow()
		_ = l.Close()
		p.cut()
		p.ends.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		p.ends.Go(func() { p.copy(out, in, false) })
		p.ends.Go(func() { p.copy(in, out, true) })
	}
}

func (p *proxy) copy(to, from net.Conn, replies bool) {
	defer to.Close()
	defer from.Close()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		held := p.held
		p.mu.Unlock()
		if replies && held != nil {
			<-held
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// hold holds replies back until flow.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
}

func (p *proxy) flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func mini(t testing.TB) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}
