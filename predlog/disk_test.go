package predlog

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"
)

// disk is a file that fails or waits as the test says.
type disk struct {
	spoolFile
	*trouble
}

type trouble struct {
	mu    sync.Mutex
	err   error         // of writing
	tear  bool          // half of what is refused is written first
	stuck chan struct{} // writing waits until it is closed
	waits chan struct{} // of size 1: writing waits
	torn  error         // of truncating
}

func (d *trouble) set(change func(d *trouble)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d disk) Write(b []byte) (int, error) {
	d.mu.Lock()
	err, tear, stuck := d.err, d.tear, d.stuck
	d.mu.Unlock()
	if stuck != nil {
		select {
		case d.waits <- struct{}{}:
		default: // it is known
		}
		<-stuck
	}
	switch {
	case err == nil:
		return d.spoolFile.Write(b)
	case !tear:
		return 0, err
	}
	n, _ := d.spoolFile.Write(b[:len(b)/2])
	return n, err
}

func (d disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.torn != nil {
		return d.torn
	}
	return d.spoolFile.Truncate(size)
}

// onDisk has a writer's files fail as the test says.
func onDisk(d *trouble) func(string) (spoolFile, error) {
	return func(path string) (spoolFile, error) {
		f, err := createSpool(path)
		return disk{f, d}, err
	}
}

// written waits until all that was seen is written or dropped.
func written(t *testing.T, w *Writer) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); w.Stats().Waiting > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("records still wait: %+v", w.Stats())
		}
	}
}

// A disk that is full costs the records that come meanwhile, with one line in the log, and no others.
func TestFullDisk(t *testing.T) {
	for _, d := range []*trouble{{}, {tear: true}, {tear: true, torn: syscall.EIO}} {
		w, logs := start(t, Options{Sample: 1, create: onDisk(d)})
		want := map[string]bool{}
		for phase := range 5 {
			full := phase%2 == 1
			d.set(func(d *trouble) {
				if d.err = nil; full {
					d.err = syscall.ENOSPC
				}
			})
			for i := range 100 {
				r := testRecord(1000*phase + i)
				w.Take(r)
				if !full {
					want[string(r.ID)] = true
				}
			}
			written(t, w)
		}
		s := finish(t, w)
		rows, numbers := tables(t, w.opt.Dir)
		if s.Seen != 500 || int(s.Written) != len(rows) || d.torn == nil && s.Written != 300 {
			t.Errorf("%+v, %d rows", s, len(rows))
		}
		for _, r := range rows {
			if !want[r.ID] && d.torn == nil { // what is torn and cannot be undone stays, and counts as written
				t.Errorf("%s is there, and the disk was full", r.ID)
			}
			delete(want, r.ID)
		}
		if len(want) > 0 {
			t.Errorf("%d rows are missing", len(want))
		}
		if numbers["seen"] != 500 || numbers["dropped.disk"] != s.Dropped[Disk] {
			t.Errorf("the numbers are %v", numbers)
		}
		if n := logs.FilterMessageSnippet("cannot be written").Len(); n != 1 {
			t.Errorf("%d lines tell of it: %v", n, logs.All())
		}
	}
}

// Numbers that are written by halves end their spool: what comes afterwards can be read.
func TestTornNumbers(t *testing.T) {
	d := &trouble{}
	w, logs := start(t, Options{Keep: [NumKinds]int{Late: 1000}, create: onDisk(d)})
	late := func() {
		for i := range 10 {
			r := testRecord(i)
			r.Kinds = r.Kinds.With(Late)
			w.Take(r)
		}
		written(t, w)
	}
	late()
	d.set(func(d *trouble) { d.err, d.tear, d.torn = syscall.ENOSPC, true, syscall.EIO })
	w.Take(testRecord(0)) // it is counted and not chosen
	for end := time.Now().Add(10 * time.Second); logs.FilterMessageSnippet("cannot be written").Len() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the numbers were not noted")
		}
	}
	d.set(func(d *trouble) { d.err, d.torn = nil, nil })
	late()
	finish(t, w)
	rows, numbers := tables(t, w.opt.Dir)
	if len(rows) != 20 || numbers["requests"] != 21 || numbers["kind.late"] != 20 {
		t.Errorf("%d rows, %v", len(rows), numbers)
	}
}

// A disk that takes nothing stops nobody: what the queue does not hold is dropped at once, and Close does not wait
// for it beyond its time.
func TestStuckDisk(t *testing.T) {
	const holds, each, threads = 100, 1000, 5
	d := &trouble{stuck: make(chan struct{}), waits: make(chan struct{}, 1)}
	w, _ := start(t, Options{Sample: 1, QueueRecords: holds, create: onDisk(d)})
	w.Take(testRecord(0))
	<-d.waits // from now on nothing is written, and each Take has to return all the same
	var all sync.WaitGroup
	for k := range threads {
		all.Go(func() {
			for i := range each {
				w.Take(testRecord(1 + each*k + i))
			}
		})
	}
	all.Wait()
	if s := w.Stats(); s.Seen != 1+each*threads || s.Waiting != holds || s.Dropped != [NumReasons]uint64{QueueFull: 1 + each*threads - holds} || s.Written > 0 {
		t.Errorf("%+v", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it closed with %v", err)
	}
	close(d.stuck)
	<-w.done
	<-w.converterDone
	if s := w.Stats(); s.Written != holds || s.Seen != s.Written+s.Dropped[QueueFull] {
		t.Errorf("%+v", s)
	}
}

// After a disk was stuck everything is written again, and what came meanwhile is counted.
func TestDiskGoesOn(t *testing.T) {
	d := &trouble{stuck: make(chan struct{}), waits: make(chan struct{}, 1)}
	w, _ := start(t, Options{Sample: 1, QueueRecords: 100, create: onDisk(d)})
	w.Take(testRecord(0))
	<-d.waits
	for i := range 200 {
		w.Take(testRecord(i))
	}
	stuck := d.stuck
	d.set(func(d *trouble) { d.stuck = nil })
	close(stuck)
	written(t, w)
	for i := range 50 {
		w.Take(testRecord(1000 + i))
	}
	s := finish(t, w)
	rows, _ := tables(t, w.opt.Dir)
	if s.Written != 150 || s.Dropped[QueueFull] != 101 || len(rows) != 150 || rows[149].ID != string(testRecord(1049).ID) {
		t.Errorf("%+v, %d rows", s, len(rows))
	}
}

// The queue holds so many bytes, and gives all of them back.
func TestQueueIsBoundedInBytes(t *testing.T) {
	d := &trouble{stuck: make(chan struct{})}
	w, _ := start(t, Options{Sample: 1, MaxRecord: 1 << 10, QueueBytes: 8 << 10, create: onDisk(d)})
	for i := range 100 {
		w.Take(testRecord(i))
	}
	if n, _ := w.queue.load(); n > 8<<10 || w.Stats().Dropped[QueueFull] == 0 {
		t.Errorf("%d bytes wait, %+v", n, w.Stats())
	}
	close(d.stuck)
	finish(t, w)
	if n, _ := w.queue.load(); n != 0 {
		t.Errorf("%d bytes are lost", n)
	}
}
