package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// The child of these tests is the test binary itself: roleEnv says what it is to be.
const roleEnv = "SLUICE_WORKER_TEST"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(beChild(role))
	}
	goleak.VerifyTestMain(m)
}

// beChild is the other process. hostile children are in hostile_test.go.
func beChild(role string) int {
	conn := os.NewFile(Descriptor, "gateway")
	verb, rest, _ := strings.Cut(role, ":")
	var err error
	switch verb {
	case "serve":
		err = Serve(context.Background(), conn, testHost{})
	case "gateway":
		err = gatewayChild(rest)
	case "hostile":
		err = hostileChild(conn, rest)
	case "dead":
		err = errors.New("no such device")
	case "silent":
		time.Sleep(time.Hour)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func command(role string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe")
		// Under the race detector a process waits for a second before it ends.
		cmd.Env = append(os.Environ(), roleEnv+"="+role, "GORACE=atexit_sleep_ms=0")
		return cmd
	}
}

// start starts a device over a child in a role; the test's end closes it.
func start(tb testing.TB, role string, change func(*Options)) *Device {
	tb.Helper()
	o := Options{Name: "test:0", Command: command(role), BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond, CrashLimit: 1000}
	if change != nil {
		change(&o)
	}
	d, err := Start(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeDevice(tb, d) })
	return d
}

func closeDevice(tb testing.TB, d *Device) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := d.Close(ctx); err != nil {
		tb.Error(err)
	}
}

func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

func open(tb testing.TB, d *Device, path string, schema *tensor.Schema, lanes int) *Session {
	tb.Helper()
	s, err := d.Open(within(tb), Spec{Path: path, Schema: schema, Lanes: lanes})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func up(tb testing.TB, d *Device) {
	tb.Helper()
	if err := d.Wait(within(tb)); err != nil {
		tb.Fatal(err)
	}
}

// restarted waits until the device is up with another process than that of the given start.
func restarted(tb testing.TB, d *Device, starts int) {
	tb.Helper()
	ctx := within(tb)
	for ctx.Err() == nil {
		if s := d.Status(); s.State == Up && s.Starts > starts {
			return
		}
		time.Sleep(time.Millisecond)
	}
	tb.Fatalf("the device is not up again: %+v", d.Status())
}

// numbers makes a task whose rows have the given numbers, all in each of width columns.
func numbers(width int, values ...float32) *task.Task {
	t := task.Get()
	t.Rows, t.Wanted = len(values), ^uint64(0)
	t.Reserve(1)
	var data []byte
	for _, v := range values {
		for range width {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
	}
	t.Inputs = append(t.Inputs[:0], tensor.Tensor{Shape: []int64{int64(len(values)), int64(width)}, Data: data})
	return t
}

func whole(t *task.Task) task.Part { return task.Part{Task: t, From: 0, To: t.Rows} }

// run runs and scatters one batch on a lane.
func run(s *Session, lane int, limit clock.Instant, parts ...task.Part) error {
	timing, err := s.Run(lane, parts, limit)
	if err != nil {
		return err
	}
	if timing.Gathered == 0 || timing.Done < timing.Gathered {
		return fmt.Errorf("timing %+v", timing)
	}
	if err := s.Scatter(lane, parts); err != nil {
		return err
	}
	for _, p := range parts {
		p.Task.Join()
	}
	return nil
}

// echoes checks that a session gives rows back.
func echoes(tb testing.TB, s *Session, lane int) {
	tb.Helper()
	a, b := numbers(4, 1, 2, 3), numbers(4, 7)
	defer a.Release()
	defer b.Release()
	if err := run(s, lane, clock.Now().Add(10*time.Second), whole(a), whole(b)); err != nil {
		tb.Fatal(err)
	}
	for _, t := range []*task.Task{a, b} {
		if out := t.Outputs[0]; !slices.Equal(out.Data, t.Inputs[0].Data) || !slices.Equal(out.Shape, t.Inputs[0].Shape) {
			tb.Errorf("%v came back as %v", t.Inputs[0], out)
		}
	}
}

func soon() clock.Instant { return clock.Now().Add(10 * time.Second) }
