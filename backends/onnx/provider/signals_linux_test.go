package provider

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"sluice/internal/device"
)

// kernelAction is the kernel's struct sigaction on 64-bit machines.
type kernelAction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const (
	onStack = 0x08000000 // SA_ONSTACK
	ignore  = 1          // SIG_IGN
)

func action(t *testing.T, number syscall.Signal, set *kernelAction) (old kernelAction) {
	t.Helper()
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return old
}

// TestForeignSignalHandlersAreUndone does to the handlers what CUDA's libraries do, and wants
// Go's back.
func TestForeignSignalHandlersAreUndone(t *testing.T) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGUSR2)
	defer signal.Stop(came)
	before := action(t, syscall.SIGUSR2, nil)
	segv := action(t, syscall.SIGSEGV, nil)
	if before.flags&onStack == 0 || segv.flags&onStack == 0 {
		t.Fatalf("Go's handlers have the flags %#x and %#x, without a stack of their own", before.flags, segv.flags)
	}

	failed := errors.New("the session was not opened")
	restored, err := keepSignals(func() error {
		foreign := before
		foreign.handler = ignore
		action(t, syscall.SIGUSR2, &foreign)
		same := segv
		same.flags &^= onStack // the handler that is there, on the thread's own small stack
		action(t, syscall.SIGSEGV, &same)
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("the error is %v, want the function's own", err)
	}
	if restored != 2 {
		t.Errorf("%d handlers were put back, want 2", restored)
	}
	for number, want := range map[syscall.Signal]kernelAction{syscall.SIGUSR2: before, syscall.SIGSEGV: segv} {
		if got := action(t, number, nil); got.handler != want.handler || got.flags != want.flags || got.mask != want.mask {
			t.Errorf("%v has the action %+v, want %+v", number, got, want)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	select {
	case <-came:
	case <-time.After(10 * time.Second):
		t.Error("the signal does not reach Go any more")
	}
	// As the sessions of CUDA and TensorRT do it, and no others.
	for _, name := range []device.Name{cuda1, trt0, webGPU, {}} {
		var p Place
		p.Init(name.Kind)
		if err := p.Do(func() error { action(t, syscall.SIGUSR2, &kernelAction{handler: ignore}); return nil }); err != nil {
			t.Fatal(err)
		}
		if kept := action(t, syscall.SIGUSR2, nil).handler == before.handler; kept != (name == cuda1 || name == trt0) {
			t.Errorf("opening a session on %v keeps the handler: %v", name, kept)
		}
		action(t, syscall.SIGUSR2, &before)
	}
	if again, _ := keepSignals(func() error { return nil }); again != 0 {
		t.Errorf("%d handlers were changed by nobody", again)
	}
}
