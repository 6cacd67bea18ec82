package worker

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// hostileChild behaves until a batch comes, and answers that in a way of its own.
func hostileChild(conn *os.File, way string) error {
	control, err := unixConn(conn)
	if err != nil {
		return err
	}
	s := &servant{host: testHost{}}
	if err := s.greet(control); err != nil {
		return err
	}
	go func() {
		_, _ = control.Read(make([]byte, 1))
		os.Exit(0)
	}()
	failed := make(chan error)
	for _, fd := range s.streams {
		go func() { failed <- hostileStream(fd, way) }()
	}
	return <-failed
}

func hostileStream(fd int, way string) error {
	data, oob := make([]byte, maxMessage+1), make([]byte, unix.CmsgSpace(4*(maxLanes+1)))
	var slabs []*os.File
	for {
		n, oobn, err := receive(fd, data, oob)
		if err != nil || n == 0 {
			return err
		}
		files, err := descriptors(oob[:oobn])
		if err != nil {
			return err
		}
		slabs = append(slabs, files...)
		var q message
		if err := q.decode(data[:n]); err != nil {
			return err
		}
		a := message{kind: q.kind, seq: q.seq, flags: isAnswer}
		out := a.append(nil)
		if q.kind == runBatch {
			out = hostileAnswer(way, &q, a)
		}
		if way == "shrink" && len(slabs) > 1 {
			if err := slabs[1].Truncate(0); !errors.Is(err, unix.EPERM) {
				return fmt.Errorf("a slab could be shrunk: %w", err)
			}
			if err := unix.Fallocate(int(slabs[1].Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 1<<12); err != nil {
				return err
			}
			if _, err := unix.FcntlInt(slabs[1].Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); !errors.Is(err, unix.EPERM) {
				return fmt.Errorf("a slab could be sealed: %w", err)
			}
		}
		if _, err := unix.Write(fd, out); err != nil {
			return nil
		}
	}
}

func hostileAnswer(way string, q *message, a message) []byte {
	free := region{index: 0, offset: 1 << 20, size: 16, dims: []int64{int64(q.rows), 4}}
	switch way {
	case "garbage":
		return []byte("no message of this protocol, but long enough to look at")
	case "short":
		return []byte{1}
	case "huge":
		return make([]byte, maxMessage+1)
	case "seq":
		a.seq++
	case "kind":
		a.kind = closeModel
	case "request":
		a.flags = 0
	case "outside":
		free.offset = 0 // where inputs lie
		a.tensors = []region{free}
	case "far":
		free.offset = 1 << 61
		a.tensors = []region{free}
	case "negative":
		free.dims = []int64{int64(q.rows), -4}
		a.tensors = []region{free}
	case "rows":
		free.dims = []int64{int64(q.rows) + 1, 4}
		a.tensors = []region{free}
	case "overflow":
		free.dims = []int64{int64(q.rows), 1 << 62, 8}
		a.tensors = []region{free}
	case "index":
		free.index = maxTensors - 1
		a.tensors = []region{free}
	case "fault":
		a.flags, a.fault, a.text = isAnswer|isFailure, 255, []byte("/etc/secret")
	}
	return a.append(nil)
}

// TestMalformedAnswers shows that no answer harms this process, and that the child that gave
// it is ended and replaced.
func TestMalformedAnswers(t *testing.T) {
	f := func(way string) {
		t.Helper()
		d := start(t, "hostile:"+way, nil)
		s := open(t, d, "identity", fake.Echo(8), 1)
		starts := d.Status().Starts
		err := run(s, 0, clock.Now().Add(10*time.Second), whole(numbers(4, 1)))
		failed, sticky := task.DeviceFailed(err)
		if !failed || !sticky || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: the run ended with %v", way, err)
		}
		restarted(t, d, starts)
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", way, err)
		}
		closeDevice(t, d)
	}
	for _, way := range []string{"garbage", "short", "huge", "seq", "kind", "request", "outside", "far", "negative", "rows", "overflow", "index"} {
		f(way)
	}
}

// TestUnknownFault shows that a fault that no child knows stays a failed run, without its text.
func TestUnknownFault(t *testing.T) {
	d := start(t, "hostile:fault", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	err := run(s, 0, clock.Now().Add(10*time.Second), whole(numbers(4, 1)))
	wantFault(t, err, "the model failed to run")
}

// TestSlabsCannotShrink has a child that tries to, and punches a hole instead: that reads as
// zeros and harms nobody.
func TestSlabsCannotShrink(t *testing.T) {
	d := start(t, "hostile:shrink", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	x := numbers(4, 5)
	if err := run(s, 0, clock.Now().Add(10*time.Second), whole(x)); err != nil {
		t.Fatal(err)
	}
	if d.Status().Starts != 1 {
		t.Error("the child ended: a slab could be shrunk or sealed")
	}
}

func TestSlabIsSealed(t *testing.T) {
	m, f, err := newSlab(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer m.release()
	for _, size := range []int64{0, 1 << 12, 1 << 17} {
		if err := f.Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("truncating to %d bytes ended with %v", size, err)
		}
	}
	unsealed, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	loose := os.NewFile(uintptr(unsealed), "test")
	defer loose.Close()
	if err := loose.Truncate(1 << 16); err != nil {
		t.Fatal(err)
	}
	if _, err := mapMemory(loose, 1<<16); err == nil {
		t.Error("memory that can be shrunk was mapped")
	}
	if _, err := mapMemory(f, 1<<17); err == nil {
		t.Error("memory of another size was mapped")
	}
}
