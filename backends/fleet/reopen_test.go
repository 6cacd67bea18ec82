package fleet

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/zap"

	"sluice/backends/worker"
	"sluice/internal/fault"
)

func TestReopen(t *testing.T) {
	closed, err := worker.Start(worker.Options{
		Name: "cuda:0", Lanes: 1, CrashLimit: 1, Log: zap.NewNop(), OnState: func(worker.State, string) {},
		Command: func() *exec.Cmd { return exec.Command("/bin/false") },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closed.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	f := &Fleet{devices: []*Device{{Name: "cpu"}, {Name: "cuda:0", worker: closed}}}
	started := func(n int) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if s := closed.Status(); s.Starts == n && s.State == worker.Closed {
				return
			}
		}
		t.Fatalf("it should have been started %d times, and is %+v", n, closed.Status())
	}
	started(1)
	if err := f.Reopen("cuda:0"); err != nil {
		t.Error(err)
	}
	started(2)
	if err := f.Reopen("cpu"); !fault.Is(err, fault.InvalidRequest) {
		t.Errorf("a device without a worker: %v", err)
	}
	if err := f.Reopen("cuda:1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a device that is not there: %v", err)
	}
}
