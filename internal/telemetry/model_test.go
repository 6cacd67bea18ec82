package telemetry

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"sluice/internal/fault"
)

func TestStats(t *testing.T) {
	m := New("test").NewModel("digits", "1", 8)
	if got := m.Stats(); !reflect.DeepEqual(got, Stats{}) {
		t.Errorf("a new model has %+v", got)
	}
	m.ObserveRequest(&Request{Rows: 3, Total: 100, Decode: 1, Queue: 20, Input: 5, Run: 50, Output: 6, Encode: 2})
	m.ObserveRequest(&Request{Rows: 2, Total: 300, Decode: 1, Queue: 30, Input: 7, Run: 50, Output: 8, Encode: 2, Late: true})
	m.ObserveFault(fault.Overloaded, 40)
	m.ObserveFault(fault.Internal, 2)
	cpu, gpu := m.Device("cpu"), m.Device("cuda:0")
	before := time.Now().UnixMilli()
	cpu.ObserveBatch(&Batch{Rows: 5, Input: 5, Run: 50, Output: 6, Predicted: 61})
	cpu.ObserveBatch(&Batch{Rows: 5, Input: 5, Run: 60, Output: 6})
	gpu.ObserveBatch(&Batch{Rows: 5, Input: 1, Run: 2, Output: 3})
	gpu.ObserveBatch(&Batch{Rows: 9, Run: 7}) // more than the model said: counted with the largest
	gpu.ObserveBatch(&Batch{Rows: 1, Run: 7, Failed: true})

	got := m.Stats()
	if got.LastBatch < before || got.LastBatch > time.Now().UnixMilli() {
		t.Errorf("last batch at %d, want now", got.LastBatch)
	}
	got.LastBatch = 0
	want := Stats{
		Rows: 5, Batches: 4,
		Success: Count{2, 400}, Fail: Count{2, 42}, Queue: Count{2, 50},
		Input: Count{2, 12}, Run: Count{2, 100}, Output: Count{2, 14},
		Sizes: []SizeStats{
			{Rows: 5, Input: Count{3, 11}, Run: Count{3, 112}, Output: Count{3, 15}},
			{Rows: 8, Input: Count{1, 0}, Run: Count{1, 7}, Output: Count{1, 0}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if m.Device("cpu") != cpu {
		t.Error("the same device has two handles")
	}
}

// TestNothingIsLost writes from many goroutines and shards and counts again.
func TestNothingIsLost(t *testing.T) {
	const writers, each = 8, 2000
	m := New("test").NewModel("digits", "1", 8)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			d := m.Device("cpu")
			for i := range each {
				m.ObserveRequest(&Request{Rows: 2, Total: time.Duration(i), Queue: 1})
				m.ObserveFault(fault.Overloaded, 1)
				d.ObserveBatch(&Batch{Rows: 1 + i%8, Run: 1})
				if i%100 == 0 {
					m.Stats()
				}
			}
		})
	}
	all.Wait()
	s := m.Stats()
	total := time.Duration(writers * each * (each - 1) / 2)
	if s.Success != (Count{writers * each, total}) || s.Rows != 2*writers*each || s.Queue.Total != writers*each || s.Batches != writers*each || s.Fail != (Count{writers * each, writers * each}) {
		t.Errorf("got %+v", s)
	}
}

func TestNegativeDurationsCountAsZero(t *testing.T) {
	m := New("test").NewModel("digits", "1", 1)
	m.ObserveRequest(&Request{Rows: 1, Total: -1, Decode: -1, Queue: -1, Input: -1, Run: -1, Output: -1, Encode: -1})
	m.ObserveFault(fault.Internal, -1)
	m.Device("cpu").ObserveBatch(&Batch{Rows: 1, Input: -5, Run: -5, Output: -5, Predicted: 1})
	if s := m.Stats(); s.Success != (Count{1, 0}) || s.Run != (Count{1, 0}) || s.Fail != (Count{1, 0}) || s.Sizes[0].Run != (Count{1, 0}) {
		t.Errorf("got %+v", s)
	}
}
