package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stream is a stream whose reader can stop, go, or take only a part.
type stream struct {
	mu      sync.Mutex
	text    bytes.Buffer
	stopped chan struct{} // closed when the reader goes on
	room    int           // bytes that are taken before every Write fails; negative: any number
}

var errGone = errors.New("broken pipe")

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	if stopped != nil {
		<-stopped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room < 0 {
		return s.text.Write(p)
	}
	n := min(len(p), s.room)
	s.room -= n
	s.text.Write(p[:n])
	if n < len(p) {
		return n, errGone
	}
	return n, nil
}

func (s *stream) set(stopped chan struct{}, room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.room = stopped, room
}

func spoolOn(out *stream) *Spool {
	s := NewSpool(out)
	s.Start(func(lines uint64) { fmt.Fprintf(s, "lost %d\n", lines) })
	return s
}

func TestSpoolWritesAllOfItInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stream{room: -1}
		s := spoolOn(out)
		var want strings.Builder
		for i := range 1000 {
			line := fmt.Sprintf("line %d\n", i)
			want.WriteString(line)
			fmt.Fprint(s, line)
		}
		s.Close(time.Second)
		if out.text.String() != want.String() || s.Dropped() != 0 {
			t.Errorf("%d lines dropped; got\n%s", s.Dropped(), out.text.String())
		}
	})
}

// While the reader has stopped no Write waits and memory is bounded; afterwards what fitted is there, and
// the log tells exactly how many lines are not.
func TestSpoolReaderStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goes := make(chan struct{})
		out := &stream{stopped: goes, room: -1}
		s := spoolOn(out)
		fmt.Fprint(s, "first\n")
		synctest.Wait() // it is being written
		line := strings.Repeat("x", 1023) + "\n"
		const more = 100
		for range spoolBytes/len(line) + more {
			fmt.Fprint(s, line)
		}
		if got := s.Dropped(); got != more {
			t.Fatalf("%d lines dropped, want %d", got, more)
		}
		if waits := len(s.mu.waiting); waits > spoolBytes {
			t.Errorf("%d bytes wait", waits)
		}
		out.set(nil, -1)
		close(goes)
		synctest.Wait()
		want := "first\n" + strings.Repeat(line, spoolBytes/len(line)) + fmt.Sprintf("lost %d\n", more)
		if out.text.String() != want {
			t.Errorf("%d bytes are there, want %d", out.text.Len(), len(want))
		}
		fmt.Fprint(s, "last\n")
		if s.Close(time.Second); !strings.HasSuffix(out.text.String(), "lost 100\nlast\n") {
			t.Errorf("it ends with %q", out.text.String()[out.text.Len()-20:])
		}
	})
}

// A reader who goes, or a disk that is full, costs the lines of the meantime; a line that was cut is ended
// before the next.
func TestSpoolReaderGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stream{room: len("first\nsec")}
		s := spoolOn(out)
		for _, line := range []string{"first\n", "second\n", "third\n"} {
			fmt.Fprint(s, line)
			synctest.Wait()
		}
		if got := s.Dropped(); got != 2 {
			t.Errorf("%d lines dropped, want 2", got)
		}
		out.set(nil, -1)
		fmt.Fprint(s, "fourth\n")
		s.Close(time.Second)
		if want := "first\nsec\nfourth\nlost 2\n"; out.text.String() != want {
			t.Errorf("got %q, want %q", out.text.String(), want)
		}
	})
}

func TestSpoolDoesNotWaitAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goes := make(chan struct{})
		s := spoolOn(&stream{stopped: goes, room: -1})
		fmt.Fprint(s, "line\n")
		begin := time.Now()
		if s.Close(time.Second); time.Since(begin) != time.Second {
			t.Errorf("it took %v", time.Since(begin))
		}
		close(goes) // or its goroutine would be left
	})
}

func TestLogDroppedIsASeries(t *testing.T) {
	m := New("test")
	m.WatchLog(func() uint64 { return 3 })
	if text := ownText(t, m); !strings.Contains(text, "sluice_log_dropped_total 3\n") {
		t.Errorf("it is missing from\n%s", text)
	}
}
