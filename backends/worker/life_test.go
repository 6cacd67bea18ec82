package worker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// history collects a device's states.
type history struct {
	mu    sync.Mutex
	lines []string
}

func (h *history) add(s State, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, strings.TrimSpace(s.String()+" "+reason))
}

func (h *history) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lines) == 0 {
		return ""
	}
	return h.lines[len(h.lines)-1]
}

// hang starts a run that does not end, and returns where its error will come.
func hang(s *Session, lane int, limit clock.Instant) chan error {
	ended := make(chan error, 1)
	go func() { ended <- run(s, lane, limit, whole(numbers(4, poisonHang))) }()
	for len(s.device.current().runner(lane).turn) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(5 * time.Millisecond) // for the message to arrive; nothing depends on it
	return ended
}

func (d *Device) current() *link {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.link
}

func wantDown(tb testing.TB, err, cause error) {
	tb.Helper()
	if failed, sticky := task.DeviceFailed(err); !failed || !sticky || !errors.Is(err, cause) {
		tb.Errorf("ended with %v, want a device error that is %v", err, cause)
	}
}

func TestKilledDuringARun(t *testing.T) {
	var h history
	d := start(t, "serve", func(o *Options) { o.OnState = h.add })
	s := open(t, d, "identity", fake.Echo(8), 2)
	echoes(t, s, 0)
	ended := hang(s, 0, clock.Never)
	if err := unix.Kill(d.Status().PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wantDown(t, <-ended, ErrDown)
	restarted(t, d, 1)
	for lane := range 2 {
		echoes(t, s, lane)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	want := []string{"up", "restarting the worker process ended: signal: killed", "up"}
	if !slices.Equal(h.lines, want) {
		t.Errorf("the states were %q, want %q", h.lines, want)
	}
}

func TestEndsOfTheProcess(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	for _, poison := range []float32{poisonCrash, poisonPanic} {
		starts := d.Status().Starts
		wantDown(t, run(s, 0, clock.Never, whole(numbers(4, poison))), ErrDown)
		restarted(t, d, starts)
		echoes(t, s, 0)
	}
}

// TestHang stops the process, or has a run not end: past its limit it is replaced.
func TestHang(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	begin := time.Now()
	wantDown(t, <-hang(s, 0, clock.Now().Add(50*time.Millisecond)), ErrHung)
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("the run was given up after %v, before its limit", took)
	}
	restarted(t, d, 1)
	pid := d.Status().PID
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for processState(pid) != 'T' { // all its threads have to stop first
		time.Sleep(time.Millisecond)
	}
	wantDown(t, run(s, 0, clock.Now().Add(50*time.Millisecond), whole(numbers(4, 1))), ErrHung)
	restarted(t, d, 2)
	echoes(t, s, 0)
}

func TestWaitingPastTheLimit(t *testing.T) {
	d := start(t, "serve", func(o *Options) { o.Serial = true })
	s := open(t, d, "identity", fake.Echo(8), 2)
	first := make(chan error, 1)
	x := numbers(4, poisonSlow)
	go func() { first <- run(s, 0, clock.Never, whole(x)) }()
	for len(d.current().runner(0).turn) == 0 {
		time.Sleep(time.Millisecond)
	}
	for _, limit := range []time.Duration{time.Millisecond, -time.Second} {
		err := run(s, 1, clock.Now().Add(limit), whole(numbers(4, 1)))
		if failed, sticky := task.DeviceFailed(err); !failed || sticky || !errors.Is(err, ErrBusy) {
			t.Errorf("a run that had to wait ended with %v", err)
		}
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	// The limit had passed before anything was sent: nobody is to blame.
	err := run(s, 1, clock.Now()-1, whole(numbers(4, 1)))
	if failed, sticky := task.DeviceFailed(err); !failed || sticky || d.Status().Starts != 1 {
		t.Errorf("a run without time ended with %v", err)
	}
	echoes(t, s, 1)
}

// TestRunsFailAtOnceWhileDown has a process that is stopped while it is warmed up.
func TestRunsFailAtOnceWhileDown(t *testing.T) {
	d := start(t, "serve", func(o *Options) { o.BackoffMin, o.BackoffMax = time.Hour, time.Hour })
	s := open(t, d, "identity", fake.Echo(8), 1)
	x := numbers(4, 6)
	if _, err := s.Run(0, []task.Part{whole(x)}, clock.Never); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(d.Status().PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for d.Status().State == Up {
		time.Sleep(time.Millisecond)
	}
	// What has run can still be handed out.
	if err := s.Scatter(0, []task.Part{whole(x)}); err != nil || !bytes.Equal(x.Outputs[0].Data, x.Inputs[0].Data) {
		t.Errorf("after the end the result is %v, %v", x.Outputs[0], err)
	}
	for range 3 {
		wantDown(t, run(s, 0, clock.Never, whole(x)), ErrDown)
	}
	wantDown(t, s.RunRaw(0, 1), ErrDown)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := d.Open(ctx, Spec{Path: "identity", Schema: fake.Echo(8)})
	wantDown(t, err, ErrDown)
	if err := s.Close(); err != nil {
		t.Errorf("closing a session of a device that is down: %v", err)
	}
}

// TestResultsOutliveARestart has the next process warm up, which writes over its own outputs.
func TestResultsOutliveARestart(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	if err := s.RunRaw(0, 8); err != nil {
		t.Fatal(err)
	}
	x := numbers(4, 6, 7)
	if _, err := s.Run(0, []task.Part{whole(x)}, clock.Never); err != nil {
		t.Fatal(err)
	}
	if got := s.used(); !slices.Equal(got, []int{2, 8}) {
		t.Errorf("sizes %v are in use", got)
	}
	if err := unix.Kill(d.Status().PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	restarted(t, d, 1)
	r := s.remote.Load()
	if out := s.places.out[0].of(r.slabs[0].bytes); out[0] != 0xEE || out[len(out)-1] != 0xEE {
		t.Error("the new process was not warmed up with the largest size in use")
	}
	if err := s.Scatter(0, []task.Part{whole(x)}); err != nil || !bytes.Equal(x.Outputs[0].Data, x.Inputs[0].Data) {
		t.Errorf("after a restart the result is %v, %v", x.Outputs[0], err)
	}
	echoes(t, s, 0)
}

// TestModelThatLoadsOnce keeps the device and the other models up.
func TestModelThatLoadsOnce(t *testing.T) {
	d := start(t, "serve", nil)
	other := open(t, d, "identity", fake.Echo(8), 1)
	s := open(t, d, "once:"+filepath.Join(t.TempDir(), "mark"), fake.Echo(8), 1)
	echoes(t, s, 0)
	if err := unix.Kill(d.Status().PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	restarted(t, d, 1)
	echoes(t, other, 0)
	err := run(s, 0, clock.Never, whole(numbers(4, 1)))
	if failed, sticky := task.DeviceFailed(err); !failed || sticky || !errors.Is(err, ErrLost) {
		t.Errorf("the lost model ended with %v", err)
	}
	if d.Status().State != Up {
		t.Errorf("the device is %+v", d.Status())
	}
}

func TestCrashLoop(t *testing.T) {
	var h history
	d := start(t, "dead", func(o *Options) { o.OnState, o.CrashLimit = h.add, 3 })
	err := d.Wait(within(t))
	wantDown(t, err, ErrDown)
	s := d.Status()
	if s.State != Closed || s.Starts != 3 || !strings.Contains(s.Reason, "3 times") || !strings.Contains(s.Reason, "no such device") {
		t.Errorf("after a crash loop the device is %+v", s)
	}
	d.Reopen()
	for d.Status().Starts < 6 || d.Status().State != Closed {
		time.Sleep(time.Millisecond)
	}
	closeDevice(t, d)
	if got := h.last(); got != "closed it was closed" {
		t.Errorf("the last state was %q", got)
	}
	d.Reopen() // of a device that was closed: nothing happens
}

func TestProcessThatDoesNotServe(t *testing.T) {
	d := start(t, "silent", func(o *Options) { o.StartLimit, o.CrashLimit = 20*time.Millisecond, 1 })
	if err := d.Wait(within(t)); err == nil || !strings.Contains(err.Error(), "did not serve within 20ms") {
		t.Errorf("ended with %v", err)
	}
	missing := func(o *Options) {
		o.Command, o.CrashLimit = func() *exec.Cmd { return exec.Command("/no/such/binary") }, 2
	}
	if err := start(t, "", missing).Wait(within(t)); err == nil || !strings.Contains(err.Error(), "/no/such/binary") {
		t.Errorf("ended with %v", err)
	}
}

// TestCloseOfAStoppedProcess has one that does not end by itself.
func TestCloseOfAStoppedProcess(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	if err := unix.Kill(d.Status().PID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	for range 2 {
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Open(within(t), Spec{Path: "identity", Schema: fake.Echo(8)}); !errors.Is(err, ErrDown) {
		t.Errorf("opening on a closed device ended with %v", err)
	}
	if err := run(s, 0, clock.Never, whole(numbers(4, 1))); err == nil {
		t.Error("a session of a closed device runs")
	}
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []Options{{}, {Command: command("serve"), Lanes: -1}, {Command: command("serve"), Serial: true, Lanes: 2}} {
		if _, err := Start(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

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
