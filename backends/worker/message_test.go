package worker

import (
	"bytes"
	"testing"
	"time"
)

func sample() *message {
	m := &message{kind: runBatch, seq: 7, session: 3, lane: 1, rows: 5, wanted: 1<<63 | 2, code: 3, text: []byte("text"), told: 2}
	m.tensors = []region{{0, 64, 16, []int64{2, 2}}, {3, 128, 0, nil}}
	return m
}

func TestMessagesComeBack(t *testing.T) {
	b := sample().append(nil)
	var m message
	for range 2 { // also into one that was used
		if err := m.decode(b); err != nil {
			t.Fatal(err)
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Errorf("% x came back as % x", b, again)
		}
	}
	for n := range b {
		if err := m.decode(b[:n]); err == nil {
			t.Errorf("a message cut off at byte %d was accepted", n)
		}
	}
	if err := m.decode(append(b, 0)); err == nil {
		t.Error("a message with a byte too many was accepted")
	}
}

func TestMalformedMessages(t *testing.T) {
	var m message
	f := func(at int, value byte) {
		t.Helper()
		b := sample().append(nil)
		b[at] = value
		if err := m.decode(b); err == nil {
			t.Errorf("byte %d as %#x was accepted", at, value)
		}
	}
	f(0, 0)             // kind
	f(0, byte(kinds))   // kind
	f(1, 1<<4)          // flags
	f(20, 255)          // tensors
	f(35, 255)          // text
	f(36, 5)            // text for the client, of 4 bytes
	f(headBytes+1, 255) // index
	f(headBytes+4, 65)  // rank
	f(headBytes+4, 3)   // rank
	f(headBytes+15, 99) // offset
	f(headBytes+23, 99) // size
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().append(nil))
	f.Add((&message{kind: hello}).append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m message
		if m.decode(b) != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Errorf("% x came back as % x", b, again)
		}
		for _, r := range m.tensors {
			if r.offset < 0 || r.size < 0 || r.index < 0 || r.index >= maxTensors || len(r.dims) > maxRank {
				t.Errorf("region %+v", r)
			}
		}
	})
}

func TestPauses(t *testing.T) {
	o := Options{BackoffMin: 50 * time.Millisecond, BackoffMax: 2 * time.Second}
	f := func(n int, want time.Duration) {
		t.Helper()
		for range 20 {
			if got := o.pause(n); got < want*8/10 || got > want*12/10 {
				t.Errorf("the pause after %d ends is %v, want about %v", n, got, want)
			}
		}
	}
	f(1, 50*time.Millisecond)
	f(2, 100*time.Millisecond)
	f(6, 1600*time.Millisecond)
	f(7, 2*time.Second)
	f(1000, 2*time.Second)
	var e ends
	now := time.Now()
	for i, want := range []int{1, 2, 2, 1} {
		at := now.Add([]time.Duration{0, 30, 70, 200}[i] * time.Second)
		if got := e.add(at, time.Minute); got != want {
			t.Errorf("end %d counts as %d within the window, want %d", i, got, want)
		}
	}
}
