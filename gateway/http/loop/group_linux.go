package loop

import (
	"net"
	"net/netip"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// Group is the event loops of a server.
type Group struct {
	opt     Options
	front   Front
	once    sync.Once
	loops   []*loop // do not change once Start has returned
	running sync.WaitGroup
}

// New makes a group that serves nothing before Start.
func New(opt Options, front Front) *Group { return &Group{opt: opt, front: front} }

// workersPerLoop is how many workers share a loop's sockets. With more of them they would get
// into each other's way; with one, a worker that the kernel stops would hold up its sockets.
const workersPerLoop = 4

// Start starts the loops, with as equal a number of workers each as possible. It is called before the first Take;
// further calls do nothing.
func (g *Group) Start() {
	g.once.Do(func() {
		loops := (g.opt.Workers + workersPerLoop - 1) / workersPerLoop
		first := 0
		for i := range loops {
			l, err := newLoop(g)
			if err != nil {
				g.opt.Log.Warn("serving with fewer event loops than wanted", zap.Error(err))
				break
			}
			g.loops = append(g.loops, l)
			workers := (g.opt.Workers + i) / loops
			l.start(first, workers)
			first += workers
		}
	})
}

// Take gives a connection to the loop with the fewest; false if there is none, or if the connection is not a
// socket.
func (g *Group) Take(raw net.Conn, from netip.AddrPort) bool {
	if len(g.loops) == 0 {
		return false
	}
	// A descriptor that Go's own poller does not know: otherwise each event would wake both.
	fd, err := -1, error(unix.EBADF)
	onDescriptor(raw, func(own int) { fd, err = unix.FcntlInt(uintptr(own), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return false
	}
	_ = raw.Close()
	least := g.loops[0]
	for _, l := range g.loops[1:] {
		if l.load.Load() < least.load.Load() {
			least = l
		}
	}
	least.load.Add(1)
	least.mu.Lock()
	least.mu.fresh = append(least.mu.fresh, fresh{fd, from, clock.Now()})
	least.mu.Unlock()
	least.news()
	return true
}

// CutIdle closes the connections on which no request is to be expected (Options.Quiet). It returns at once, as
// CutAll does.
func (g *Group) CutIdle() { g.post(cutIdle) }

// CutAll closes all connections. Requests that are pending still end.
func (g *Group) CutAll() { g.post(cutAll) }

func (g *Group) post(what uint32) {
	for _, l := range g.loops {
		l.post(what)
	}
}

// Wait waits until the workers have ended.
func (g *Group) Wait() { g.running.Wait() }
