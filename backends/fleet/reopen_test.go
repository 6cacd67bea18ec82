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
	cpu, _ := kindOf("cpu")
	cuda, _ := kindOf("cuda")
	f := &Fleet{devices: []*Device{{Name: "cpu", kind: cpu}, {Name: "cuda:0", kind: cuda, worker: closed}, {Name: "cuda:2", kind: cuda}}}
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
	for _, name := range []string{"cpu", "cuda:2"} {
		if err := f.Reopen(name); !fault.Is(err, fault.InvalidRequest) {
			t.Errorf("%s, which has no worker: %v", name, err)
		}
	}
	if err := f.Reopen("cuda:1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a device that is not there: %v", err)
	}
	f.cpu.worker = closed // that of models that want a process of their own
	if err := f.Reopen("cpu"); err != nil {
		t.Error(err)
	}
	started(3)
}
