package worker

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/fault"
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

// TestModelThatLoadsOnce keeps the device and the other models up, and loads the model when it can be.
func TestModelThatLoadsOnce(t *testing.T) {
	d := start(t, "serve", func(o *Options) { o.ReloadMin, o.ReloadMax = time.Millisecond, 10*time.Millisecond })
	other := open(t, d, "identity", fake.Echo(8), 1)
	mark := filepath.Join(t.TempDir(), "mark")
	s := open(t, d, "once:"+mark, fake.Echo(8), 1)
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
	if f := fault.Of(err); f.Kind != fault.NoCapacity || f.RetryAfter == 0 {
		t.Errorf("its client is told %v, to come back after %v", f.Kind.Code(), f.RetryAfter)
	}
	if d.Status().State != Up || d.Lost() != 1 {
		t.Errorf("the device is %+v, %d models are lost", d.Status(), d.Lost())
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	for d.Lost() > 0 {
		time.Sleep(time.Millisecond)
	}
	echoes(t, s, 0)
	if d.Status().Starts != 2 {
		t.Errorf("the device is %+v after the model was loaded again", d.Status())
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
