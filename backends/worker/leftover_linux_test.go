package worker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// TestNothingIsLeft counts what the process holds, before a device and after 50 restarts of it.
func TestNothingIsLeft(t *testing.T) {
	before := holdings(t)
	d := start(t, "serve", nil)
	var sessions []*Session
	for range 3 {
		sessions = append(sessions, open(t, d, "identity", fake.Echo(64), 2))
	}
	for i := range 50 {
		s := sessions[i%3]
		if i%10 == 0 { // not while it runs: each end is met once by a run, and else by nobody
			ended := hang(s, 1, clock.Never)
			kill(t, d)
			wantDown(t, <-ended, ErrDown)
		} else {
			kill(t, d)
		}
		restarted(t, d, i+1)
		echoes(t, s, i%2)
	}
	during := holdings(t)
	if during.children != before.children+1 || during.memories > before.memories+2*6 {
		t.Errorf("after 50 restarts there are %+v, before the device %+v", during, before)
	}
	if err := sessions[0].Close(); err != nil {
		t.Error(err)
	}
	closeDevice(t, d)
	if after := holdings(t); after != before {
		t.Errorf("the device has left %+v, before it there were %+v", after, before)
	}
}

// TestKillsUnderLoad has models run, come and go on all lanes while the process is killed again
// and again: every run gives the right answer or a device error.
func TestKillsUnderLoad(t *testing.T) {
	before := holdings(t)
	d := start(t, "serve", func(o *Options) { o.Lanes = 2 })
	good, bad := loadUntil(t, d, 20)
	if good == 0 || bad == 0 {
		t.Errorf("%d runs ended well and %d met the end of a process", good, bad)
	}
	closeDevice(t, d)
	if after := holdings(t); after != before {
		t.Errorf("the device has left %+v, before it there were %+v", after, before)
	}
}

// loadUntil keeps all lanes busy until the process has been killed that many times, and counts
// the runs that gave their answer and those that gave a device error.
func loadUntil(t *testing.T, d *Device, kills int) (_, _ int64) {
	steady := []*Session{open(t, d, "identity", fake.Echo(8), 2), open(t, d, "identity", fake.Echo(8), 2)}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var good, bad atomic.Int64
	try := func(s *Session, lane, i int) {
		x := numbers(4, float32(i), float32(lane), float32(s.id))
		defer x.Release()
		err := run(s, lane, clock.Now().Add(20*time.Second), whole(x))
		switch failed, _ := task.DeviceFailed(err); {
		case err == nil && bytes.Equal(x.Outputs[0].Data, x.Inputs[0].Data):
			good.Add(1)
		case failed:
			bad.Add(1)
		default:
			t.Errorf("run %d of lane %d of session %d ended with %v, %v", i, lane, s.id, err, x.Outputs)
		}
	}
	running := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	for _, s := range steady {
		for lane := range 2 {
			wg.Go(func() {
				for i := 0; running(); i++ {
					try(s, lane, i)
				}
			})
		}
	}
	wg.Go(func() {
		for i := 0; running(); i++ {
			s, err := d.Open(context.Background(), Spec{Path: "identity", Schema: fake.Echo(8)})
			if err != nil {
				continue
			}
			try(s, 0, i)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range kills {
		kill(t, d)
		restarted(t, d, i+1)
		for n := good.Load(); good.Load() < n+20; { // some work in each life
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
	return good.Load(), bad.Load()
}

// TestClosedModelsLeaveNothing counts what the child holds.
func TestClosedModelsLeaveNothing(t *testing.T) {
	d := start(t, "serve", nil)
	up(t, d)
	count := func() (descriptors, memories int) {
		pid := d.Status().PID
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds), bytes.Count(maps, []byte(memoryName))
	}
	fds, memories := count()
	for range 20 {
		s := open(t, d, "identity", fake.Echo(8), 3)
		echoes(t, s, 2)
		if _, n := count(); n != memories+3 {
			t.Fatalf("the child has mapped %d slabs for 3 lanes", n-memories)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Open(within(t), Spec{Path: "unknown", Schema: fake.Echo(8)}); err == nil {
			t.Fatal("an unknown model was opened")
		}
	}
	if f, m := count(); f != fds || m != memories {
		t.Errorf("the child holds %d descriptors and %d slabs, %d and %d at first", f, m, fds, memories)
	}
}

func kill(t *testing.T, d *Device) {
	t.Helper()
	if err := unix.Kill(d.Status().PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

type held struct{ descriptors, memories, children int }

// holdings counts this process's descriptors, mapped slabs and children.
func holdings(t *testing.T) (h held) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	h.descriptors, h.memories = len(fds), bytes.Count(maps, []byte(memoryName))
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tasks {
		children, err := os.ReadFile(path)
		if err == nil { // a thread may have ended
			h.children += len(bytes.Fields(children))
		}
	}
	return h
}

// gatewayChild is a gateway that says the number of its worker process and waits for its end.
func gatewayChild(string) error {
	d, err := Start(Options{Name: "test:0", Command: command("serve")})
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := d.Open(ctx, Spec{Path: "identity", Schema: fake.Echo(8)})
	if err != nil {
		return err
	}
	fmt.Println(d.Status().PID)
	// A run that does not end keeps the worker from noticing that its socket is closed.
	return run(s, 0, clock.Never, whole(numbers(4, poisonHang)))
}

func TestProcessEndsWithTheGateway(t *testing.T) {
	gateway := command("gateway")()
	out, err := gateway.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = gateway.Wait() // it was killed
	for ctx := within(t); alive(pid); {
		if ctx.Err() != nil {
			t.Fatalf("process %d has outlived its gateway", pid)
		}
		time.Sleep(time.Millisecond)
	}
}

// alive reports whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	state := processState(pid)
	return state != 0 && state != 'Z'
}

// processState is a process's state as ps shows it; 0 if there is no such process.
func processState(pid int) byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return stat[bytes.LastIndexByte(stat, ')')+2]
}
