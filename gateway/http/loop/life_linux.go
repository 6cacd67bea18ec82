package loop

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// How a socket comes into a loop, and how it leaves.

// add takes a new connection in.
func (w *worker) add(c fresh) {
	l := w.l
	k := &Socket{l: l, fd: c.fd, from: c.from, since: c.at}
	l.mu.Lock()
	if n := len(l.mu.free); n > 0 {
		k.slot, l.mu.free = l.mu.free[n-1], l.mu.free[:n-1]
	} else {
		k.slot = l.mu.used
		l.mu.used++
	}
	l.mu.Unlock()
	k.generation = l.generation.Add(1)
	l.sockets[k.slot].Store(k)
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: k.slot, Pad: k.generation}
	if unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &e) != nil {
		w.note(k, cutAll)
	}
}

// slowAfter is how long a request may take to come in before its connection is handed over.
const slowAfter = 20 * time.Millisecond

// inspect ends a socket that has been idle, or slow, for too long, or is to be cut.
func (w *worker) inspect(k *Socket, notes uint32) {
	now := clock.Now()
	switch {
	case notes&cutAll != 0, notes&cutIdle != 0 && k.idle() && w.opt.Quiet(now.Sub(k.since), k.used) && !k.Pending():
		w.drop(k)
	case k.idle() && now.Sub(k.since) >= w.opt.IdleTimeout:
		w.drop(k)
	case !k.busy && !k.held && len(k.kept.Bytes) > 0 && now.Sub(k.since) >= slowAfter:
		w.handOver(k, k.kept.Bytes, nil)
	}
}

// forget lets go of a socket whose descriptor goes on or is closed.
func (w *worker) forget(k *Socket) {
	l := w.l
	k.closed = true
	w.setPartial(k, false)
	l.sockets[k.slot].Store(nil)
	l.mu.Lock()
	l.mu.free = append(l.mu.free, k.slot)
	l.mu.Unlock()
	l.load.Add(-1)
}

func (w *worker) setPartial(k *Socket, partial bool) {
	if partial != k.partial {
		k.partial = partial
		if partial {
			w.l.partial.Add(1)
		} else {
			w.l.partial.Add(-1)
		}
	}
}

// drop closes a connection.
func (w *worker) drop(k *Socket) {
	w.forget(k)
	if !k.busy {
		k.kept.Release() // else once the answer is there: nobody reads it meanwhile
	}
	_ = unix.Close(k.fd)
	w.l.g.front.Closed()
}

// handOver gives a connection to the front end, with what has been read and not served, and what
// has not been written.
func (w *worker) handOver(k *Socket, kept []byte, rest *Rest) {
	w.forget(k)
	defer k.kept.Release() // kept may be of it
	_ = unix.EpollCtl(w.l.epoll, unix.EPOLL_CTL_DEL, k.fd, nil)
	file := os.NewFile(uintptr(k.fd), "connection")
	raw, err := net.FileConn(file) // a duplicate
	_ = file.Close()
	if err != nil {
		if k.request != nil {
			k.end()
		}
		w.l.g.front.Closed()
		return
	}
	if rest != nil {
		rest.Request, k.request = k.request, nil
		rest.Head = append([]byte(nil), rest.Head...)
	}
	w.l.g.front.HandOver(Connection{Conn: raw, From: k.from, Used: k.used, Kept: kept, Since: k.since, Rest: rest})
}
