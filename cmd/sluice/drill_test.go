package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/backends/fake"
	"sluice/internal/onnxgen"
)

// The drill: a gateway with an accelerator (the fake device, in a worker process, as costly as a
// GPU and with right answers) and the CPU, under open load of half the accelerator's
// capacity, while something happens to the accelerator. See docs/faults.md for the figures.

const (
	drillBudget = 100 * time.Millisecond
	// drillRate is half of what the fake device's curve allows, 32 rows in 22 ms.
	drillRate = 700
	// drillAllowance is the share of requests that may be answered late in the second of a fault.
	drillAllowance = 0.001
	// drillStrict is the variable that makes lateness a failure: `make drill` sets it. On a machine
	// that does other things too, an answer may be late for their sake.
	drillStrict = "SLUICE_DRILL_STRICT"
	// drillBack is how soon after the end of a fault the device must be in use again.
	drillBack = 5 * time.Second
)

// drilled is a gateway with the fake device.
type drilled struct {
	*running
	orders string
}

func startDrilled(t *testing.T) *drilled {
	t.Helper()
	dir := t.TempDir()
	if err := (onnxgen.MLP{Layers: []int{16, 64, 1}, Seed: 5}).Write(filepath.Join(dir, "models", "small"), "1"); err != nil {
		t.Fatal(err)
	}
	d := &drilled{orders: filepath.Join(dir, "orders.json")}
	settings := fmt.Sprintf(`scheduler:
  hang_limit: 1s
model_defaults:
  max_batch: 32
devices:
  - name: fake
    fake:
      orders: %s
      cost: "1:4ms,8:8ms,32:22ms"
  - name: cpu
`, d.orders)
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	d.running = startGateway(t, "--config", file, "--models", filepath.Join(dir, "models"))
	return d
}

// order tells the fake device what to do wrong from now on.
func (d *drilled) order(o fake.Orders) {
	d.t.Helper()
	if err := fake.WriteOrders(d.orders, o); err != nil {
		d.t.Fatal(err)
	}
}

// worker is the process of the fake device; 0 if there is none.
func (d *drilled) worker() int {
	for _, pid := range children(d.cmd.Process.Pid) {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(text), "\x00worker\x00") {
			return pid
		}
	}
	return 0
}

// holdings are what a process must give back.
type holdings struct{ children, memories, descriptors int }

// holds counts the gateway's child processes, mappings of shared memory and descriptors that are
// no connections of clients.
func (d *drilled) holds() (h holdings) {
	pid := d.cmd.Process.Pid
	h.children = len(children(pid))
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	h.memories = strings.Count(string(maps), "/memfd:sluice-worker")
	tcp, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	for _, fd := range fds {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		inode := strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")
		if err == nil && !(strings.HasPrefix(link, "socket:[") && strings.Contains(string(tcp), " "+inode+" ")) {
			h.descriptors++
		}
	}
	return h
}

// signal sends the worker a signal.
func (d *drilled) signal(s syscall.Signal) {
	d.t.Helper()
	pid := d.worker()
	if pid == 0 {
		d.t.Fatal("there is no worker process")
	}
	if err := syscall.Kill(pid, s); err != nil {
		d.t.Fatal(err)
	}
}

// children are the child processes of any thread of a process.
func children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// TestDrill holds the promise of each fault: nothing is lost or wrong, next to nothing is late, the
// CPU goes on, and the device comes back.
func TestDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	for _, fault := range []struct {
		name       string
		begin, end func(d *drilled)
	}{
		{"worker killed", func(d *drilled) { d.signal(syscall.SIGKILL) }, nil},
		{"worker stopped", func(d *drilled) { d.signal(syscall.SIGSTOP) }, nil},
		{"ten times slower", func(d *drilled) { d.order(fake.Orders{Slow: 10}) }, func(d *drilled) { d.order(fake.Orders{}) }},
		{"every run fails", func(d *drilled) { d.order(fake.Orders{Fail: true}) }, func(d *drilled) { d.order(fake.Orders{}) }},
		{"out of memory at 8 rows", func(d *drilled) { d.order(fake.Orders{MemoryRows: 8}) }, func(d *drilled) { d.order(fake.Orders{}) }},
		{"shared memory gone", func(d *drilled) { d.order(fake.Orders{LoseMemory: true}) }, func(d *drilled) { d.order(fake.Orders{}) }},
	} {
		t.Run(strings.ReplaceAll(fault.name, " ", "-"), func(t *testing.T) {
			d := startDrilled(t)
			load := newSteady(d.running, "small", drillBudget)
			before := d.holds()
			load.run(drillRate)
			time.Sleep(2 * time.Second)
			begun := time.Now()
			fault.begin(d)
			time.Sleep(2 * time.Second)
			ended := time.Now()
			if fault.end == nil {
				ended = begun // it lasts for an instant
			} else {
				fault.end(d)
			}
			time.Sleep(drillBack + time.Second)
			load.stop()
			load.each()
			judge(t, load, load.since(begun), load.since(ended))
			if status, body := d.get(d.predict + "/v2/health/ready"); status != 200 || strings.Contains(body, "degraded") {
				t.Errorf("after the fault readiness is %d %s", status, body)
			}
			eventually(t, fmt.Sprintf("the gateway holds what it held before: %+v", before), func() bool { return d.holds() == before })
		})
	}
}

// judge holds the ledger of a drill against the promises.
func judge(t *testing.T, load *steady, begun, ended time.Duration) {
	t.Helper()
	all := load.tally(0, time.Hour)
	if all.lost > 0 || all.wrong > 0 {
		t.Errorf("%d answers are lost and %d wrong of %d", all.lost, all.wrong, all.sent)
	}
	if before := load.tally(time.Second, begun); before.devices["fake"] < before.sent/2 {
		t.Errorf("before the fault the device did not do the work: %v", before)
	}
	during, rest := load.tally(begun, begun+time.Second), load.tally(begun+time.Second, time.Hour)
	if during.ok < during.sent/2 || during.devices["cpu"] == 0 {
		t.Errorf("in the second of the fault the CPU did not go on: %v", during)
	}
	if late := float64(during.late) > drillAllowance*float64(during.sent) || rest.late > 0; late && os.Getenv(drillStrict) != "" {
		t.Errorf("answers are late: in the second of the fault %v, after it %v", during, rest)
	}
	if back := load.tally(ended+drillBack, time.Hour); back.devices["fake"] < back.sent/2 {
		t.Errorf("%v after the fault the device is not back: %v", drillBack, back)
	}
}

// A gateway that is told to stop while its device hangs answers what it has accepted and goes.
func TestTerminationWhileTheDeviceHangs(t *testing.T) {
	d := startDrilled(t)
	load := newSteady(d.running, "small", drillBudget)
	load.run(drillRate)
	time.Sleep(time.Second)
	worker := d.worker()
	d.signal(syscall.SIGSTOP)
	time.Sleep(50 * time.Millisecond)
	told := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("the gateway ended with %v\n%s", err, d.log.String())
		}
	case <-time.After(10 * time.Second):
		t.Error("the gateway waits for its stopped worker")
		_ = d.cmd.Process.Kill()
		t.Logf("it ended with %v", <-d.ended)
	}
	d.running.ended = nil
	load.stop()
	if before := load.tally(0, load.since(told)); before.lost > 0 || before.wrong > 0 {
		t.Errorf("of what was sent before the signal: %v", before)
	}
	gone(t, worker)
}

// Nothing is left of a gateway that is killed: its workers go with it.
func TestKilledGatewayLeavesNoWorker(t *testing.T) {
	d := startDrilled(t)
	worker := d.worker()
	if worker == 0 {
		t.Fatal("there is no worker process")
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-d.ended; err == nil {
		t.Error("a gateway that is killed ends with status 0")
	}
	d.running.ended = nil
	gone(t, worker)
}

// gone wants a process to end.
func gone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(text), ") Z ")
	})
}
