package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
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
	core := flags.Int("core", 0, "which processor to stay on, counted from the last")
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
	quietThread(*core)
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

// quietThread asks for prompt timers and a good place in the queue for a processor, counted
// from the last one, and keeps the collector out. What is refused is done without.
func quietThread(core int) {
	if cpus := allowed(); len(cpus) > 0 {
		bind(0, cpus[len(cpus)-1-core%len(cpus)])
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if unix.SchedSetAttr(0, &realtime, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -10)
	}
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
			if err := g.serve(int(e.Fd), e.Events); err != nil {
				return err
			}
		}
	}
}

// serve does what a connection is ready for.
func (g *generator) serve(i int, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := g.push(i); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT != 0 {
		return g.receive(i)
	}
	return nil
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
