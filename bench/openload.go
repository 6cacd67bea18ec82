package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime/debug"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// The open-loop generator: requests at the instants of a Poisson process, whether or
// not the server keeps up, each timed from the instant at which it was meant to be sent.
// An arrival that finds no free connection waits in the generator, and its clock runs.
//
// It is one thread in one loop of system calls: sleep until the next arrival or answer
// (in nanoseconds, with no timer slack), send what is due, read what has come. Nothing
// in between can be descheduled by a language runtime, and nothing spins, because the
// generator shares the machine with the server that it measures. For the same reason it
// stays on one core, and rests a moment after each round that found several things to do,
// which makes it cheaper by a third: it then takes together what has become due and what has
// come meanwhile. A request that is
// sent late by that is timed from when it was due.

type generator struct {
	addr     string
	request  []byte
	rate     float64
	budget   time.Duration
	rng      *rand.Rand
	epoll    int
	conns    []*openConn
	idle     []int
	backlog  []clock.Instant // intended instants without a connection, from at on
	at       int
	first    clock.Instant // of the measured window
	end      clock.Instant
	inFlight int

	took    map[int][]float64 // by status, in ms
	lag     []float64
	lost    int
	reopens int
	good    int
	lateOKs int
	counted int
}

type openConn struct {
	*socket
	busy     bool
	intended clock.Instant
}

const (
	drainLimit = 3 * time.Second
	rest       = 50 * time.Microsecond
)

func openload(args []string) error {
	flags := flag.NewFlagSet("openload", flag.ExitOnError)
	g := generator{took: map[int][]float64{}}
	flags.StringVar(&g.addr, "addr", "", "server")
	path := flags.String("request", "", "file with the request's bytes")
	flags.Float64Var(&g.rate, "rate", 100, "requests per second")
	flags.DurationVar(&g.budget, "budget", time.Second, "what counts as good")
	warm := flags.Duration("warm", time.Second, "left out at the start")
	length := flags.Duration("length", 5*time.Second, "measured after that")
	connections := flags.Int("conns", 64, "connections")
	seed := flags.Uint64("seed", 1, "of the arrivals")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if expected := g.rate * length.Seconds(); expected > 5e6 {
		return fmt.Errorf("%.0f requests are more than the generator keeps times for", expected)
	}
	var err error
	if g.request, err = os.ReadFile(*path); err != nil {
		return fmt.Errorf("cannot read the request: %w", err)
	}
	g.rng = seeded(*seed)
	if err := g.open(*connections); err != nil {
		return err
	}
	quietThread()
	g.first = clock.Now().Add(*warm)
	g.end = g.first.Add(*length)
	cpu := ownCPU()
	if err := g.loop(); err != nil {
		return err
	}
	cpu = ownCPU() - cpu
	if g.counted == 0 {
		return fmt.Errorf("no arrival in %v at %g a second", *length, g.rate)
	}
	return json.NewEncoder(os.Stdout).Encode(g.result(*length, *warm, cpu))
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// quietThread asks for prompt timers and a good place in the queue for the processor, the
// last one, and keeps the collector out. What is refused is done without.
func quietThread() {
	if cpus := allowed(); len(cpus) > 0 {
		bind(0, cpus[len(cpus)-1])
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if unix.SchedSetAttr(0, &realtime, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -10)
	}
}

func (g *generator) open(n int) (err error) {
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("cannot make a poller: %w", err)
	}
	for i := range n {
		g.conns = append(g.conns, &openConn{})
		if err := g.reopen(i); err != nil {
			return err
		}
		g.idle = append(g.idle, i)
	}
	return nil
}

func (g *generator) reopen(i int) (err error) {
	c := g.conns[i]
	if c.socket != nil {
		c.close() // takes it out of the poller too
		g.reopens++
	}
	if c.socket, err = dial(g.addr, unix.O_NONBLOCK); err != nil {
		return err
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &e); err != nil {
		return fmt.Errorf("cannot watch a connection: %w", err)
	}
	return nil
}

func (g *generator) loop() error {
	next := clock.Now()
	events := make([]unix.EpollEvent, 128)
	for done := 0; ; {
		now := clock.Now()
		for next <= now && next < g.end {
			done++
			g.backlog = append(g.backlog, next)
			if next >= g.first {
				g.counted++
				g.lag = append(g.lag, micros(now.Sub(next)))
			}
			next = next.Add(time.Duration(g.rng.ExpFloat64() / g.rate * 1e9))
		}
		if err := g.send(); err != nil {
			return err
		}
		until := next
		if next >= g.end {
			until = g.end.Add(drainLimit)
			if g.inFlight == 0 && g.at == len(g.backlog) || clock.Now() >= until {
				return nil
			}
		}
		if done > 1 {
			pause := unix.NsecToTimespec(int64(rest))
			_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
		}
		n, err := g.wait(events, until)
		done = n
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if err := g.receive(int(e.Fd)); err != nil {
				return err
			}
		}
	}
}

// wait sleeps until an answer has come or an instant, whichever is first. It is the
// raw system call so that the Go runtime does not give the processor away meanwhile.
func (g *generator) wait(events []unix.EpollEvent, until clock.Instant) (int, error) {
	t := unix.NsecToTimespec(int64(max(until.Sub(clock.Now()), 0)))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(g.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&t)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("cannot wait: %w", errno)
}

// send gives waiting arrivals to idle connections, in order.
func (g *generator) send() error {
	for g.at < len(g.backlog) && len(g.idle) > 0 {
		i := g.idle[len(g.idle)-1]
		g.idle = g.idle[:len(g.idle)-1]
		c := g.conns[i]
		c.intended = g.backlog[g.at]
		g.at++
		c.busy, c.buf = true, c.buf[:0]
		g.inFlight++
		// One request fits any socket buffer that is empty, so a short write is a failure.
		if n, err := unix.Write(c.fd, g.request); err != nil || n != len(g.request) {
			if err := g.fail(i); err != nil {
				return err
			}
		}
	}
	if g.at == len(g.backlog) {
		g.backlog, g.at = g.backlog[:0], 0
	}
	return nil
}

func (g *generator) receive(i int) error {
	c := g.conns[i]
	n, err := c.read()
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if n == 0 || err != nil {
		return g.fail(i)
	}
	a, err := readAnswer(c.buf)
	if err != nil {
		return err
	}
	if a.total == 0 {
		return nil
	}
	g.done(c, a.status)
	g.idle = append(g.idle, i)
	return nil
}

func (g *generator) done(c *openConn, status int) {
	took := clock.Now().Sub(c.intended)
	c.busy = false
	g.inFlight--
	if c.intended < g.first {
		return
	}
	g.took[status] = append(g.took[status], millis(took))
	switch {
	case status == http.StatusOK && took <= g.budget:
		g.good++
	case status == http.StatusOK:
		g.lateOKs++
	}
}

// fail replaces a connection that the server has closed.
func (g *generator) fail(i int) error {
	c := g.conns[i]
	if c.busy {
		c.busy = false
		g.inFlight--
		if c.intended >= g.first {
			g.lost++
		}
		g.idle = append(g.idle, i)
	}
	return g.reopen(i)
}
