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

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// The child of these tests is the test binary itself: roleEnv says what it is to be.
const roleEnv = "SLUICE_WORKER_TEST"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(child(role))
	}
	goleak.VerifyTestMain(m)
}

// child is the other process. hostile children are in hostile_test.go.
func child(role string) int {
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

// testHost opens models whose path says what they compute.
type testHost struct{}

func (testHost) Open(spec Spec, memory Memory) (Hosted, error) {
	verb, _, _ := strings.Cut(spec.Path, ":")
	f := map[string]fake.Function{"identity": fake.Identity, "sum": fake.Sum, "words": words}[verb]
	switch {
	case verb == "crash":
		os.Exit(7)
	case verb == "once": // loads in the first process alone
		mark := strings.TrimPrefix(spec.Path, "once:")
		if _, err := os.Stat(mark); err == nil {
			return nil, errors.New("the file has changed")
		}
		f = fake.Identity
		return newHosted(spec, memory, f), os.WriteFile(mark, nil, 0o600)
	case f == nil:
		return nil, fmt.Errorf("no model %q", spec.Path)
	}
	return newHosted(spec, memory, f), nil
}

func newHosted(spec Spec, memory Memory, f fake.Function) *testHosted {
	h := &testHosted{spec: spec, memory: memory, f: f, outputs: make([][]tensor.Tensor, max(spec.Lanes, 1))}
	for i := range h.outputs {
		h.outputs[i] = make([]tensor.Tensor, len(spec.Schema.Outputs))
	}
	return h
}

type testHosted struct {
	spec    Spec
	memory  Memory
	f       fake.Function
	outputs [][]tensor.Tensor
}

// What a child does when the first number of a row is one of these.
const (
	poisonCrash  = 1e6 + iota // ends
	poisonHang                // never answers
	poisonReject              // refuses the values
	poisonMemory              // is out of memory
	poisonSticky              // has lost its device
	poisonPanic               // has a bug
	poisonSlow                // takes 50 ms
)

func poisoned(in *tensor.Tensor) error {
	if in.Type != tensor.FP32 {
		return nil
	}
	for data := in.Data; len(data) >= 4; data = data[4:] {
		switch math.Float32frombits(binary.LittleEndian.Uint32(data)) {
		case poisonCrash:
			os.Exit(9)
		case poisonHang:
			time.Sleep(time.Hour)
		case poisonSlow:
			time.Sleep(50 * time.Millisecond)
		case poisonReject:
			return fault.Wrap(fault.ModelRejectedInput, errors.New("Gather node: index out of bounds"), "rejected")
		case poisonMemory:
			return &task.DeviceError{Cause: errors.New("out of memory")}
		case poisonSticky:
			return &task.DeviceError{Sticky: true, Cause: errors.New("error 700")}
		case poisonPanic:
			panic("a bug")
		}
	}
	return nil
}

func (h *testHosted) RunGathered(lane, _ int, inputs []tensor.Tensor, _ uint64, _ clock.Instant) error {
	if err := poisoned(&inputs[0]); err != nil {
		return err
	}
	if err := h.f(h.spec.Schema, inputs, h.outputs[lane]); err != nil {
		return err
	}
	for k, out := range h.outputs[lane] {
		copy(h.memory(lane, true, k), out.Data)
	}
	return nil
}

func (h *testHosted) Output(lane, k int) (tensor.Tensor, bool, error) {
	return h.outputs[lane][k], h.memory(lane, true, k) != nil, nil
}

func (h *testHosted) RunRaw(lane, rows int) error {
	if h.spec.Path == "words" {
		return nil
	}
	// It writes all over the outputs, as a warm-up does.
	for k := range h.spec.Schema.Outputs {
		memory := h.memory(lane, true, k)
		for i := range memory {
			memory[i] = byte(0xEE)
		}
	}
	return nil
}

func (h *testHosted) Close() error { return nil }

// words gives each row its strings joined, as many times as it has strings.
func words(_ *tensor.Schema, inputs, outputs []tensor.Tensor) error {
	in, out := inputs[0], &outputs[0]
	out.Shape, out.Data = append(out.Shape[:0], in.Shape...), out.Data[:0]
	data := in.Data
	for range in.Shape[0] {
		joined, n := "", int(in.Shape[1])
		for range n {
			size := binary.LittleEndian.Uint32(data)
			joined += string(data[4 : 4+size])
			data = data[4+size:]
		}
		for range n {
			out.Data = tensor.AppendBytes(out.Data, joined)
		}
	}
	return nil
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
