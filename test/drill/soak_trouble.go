package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// every does something again and again until the soak ends; a fault of the drill's own ends that.
func (s *soak) every(ctx context.Context, period time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := do(ctx); err != nil {
				s.trouble.CompareAndSwap(nil, &err)
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// swap adds a version, one in five damaged, and takes away one that is long out of use.
func (s *soak) swap(context.Context) error {
	n := s.swaps.Add(1)
	broken := n%5 == 0
	if broken {
		s.damaged.Add(1)
	}
	if err := s.versions.add(broken); err != nil {
		return err
	}
	if old := s.versions.latest - 4; old > 0 {
		return os.RemoveAll(filepath.Join(s.versions.dir, strconv.Itoa(old)))
	}
	return nil
}

func (s *soak) kill(context.Context) error { return s.signal(syscall.SIGKILL, &s.kills) }

func (s *soak) freeze(context.Context) error { return s.signal(syscall.SIGSTOP, &s.stops) }

func (s *soak) signal(what syscall.Signal, count *atomic.Int64) error {
	if pid := s.g.Worker(); pid != 0 {
		count.Add(1)
		_ = syscall.Kill(pid, what) // it may have gone
	}
	return nil
}

// silence stops reading the log for a while.
func (s *soak) silence(ctx context.Context) error {
	s.silences.Add(1)
	s.log.stopped.Store(true)
	pause(ctx, 10*time.Second)
	s.log.stopped.Store(false)
	return nil
}

// core leaves all threads of the gateway one core for a while.
func (s *soak) core(ctx context.Context) error {
	s.cores.Add(1)
	var one unix.CPUSet
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(s.g.PID(), &before); err != nil {
		return err
	}
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	was := map[int]unix.CPUSet{}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.g.PID()))
	if err != nil {
		return err
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		var mask unix.CPUSet
		if unix.SchedGetaffinity(id, &mask) == nil {
			was[id] = mask
			_ = unix.SchedSetaffinity(id, &one) // it may have ended
		}
	}
	pause(ctx, 10*time.Second)
	for id, mask := range was {
		_ = unix.SchedSetaffinity(id, &mask)
	}
	return nil
}

// hostile sends, at random, what a gateway must survive: large bodies that are announced and do not come, a deep
// nesting, a flood of chunks, bytes that are no HTTP, and an end in the middle.
func hostile(_ context.Context, c net.Conn) {
	head := "POST /v2/models/ranker/infer HTTP/1.1\r\nHost: x\r\n"
	attacks := []string{
		head + "Content-Length: 60000000\r\n\r\n{",
		head + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("[", 1_000_000),
		head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\n[\r\n", 100_000),
		strings.Repeat("\x16\x03\x01\x02", 1000),
		head + "Content-Length: 10\r\nContent-Length: 11\r\n\r\n0123456789",
		head[:20],
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte(attacks[rand.IntN(len(attacks))])); err == nil {
		_, _ = c.Read(make([]byte, 4096)) // whatever it is
	}
}
