package predlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/clock"
	"sluice/internal/tensor"
	"sluice/predlog/table"
)

var testSchema = &tensor.Schema{
	MaxBatch: 8, MaxRows: 8,
	Inputs: []tensor.Spec{
		{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}},
		{Name: "who", Type: tensor.Bytes, Shape: []int64{-1, 1}},
	},
	Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}, {Name: "z", Type: tensor.Int64, Shape: []int64{-1}}},
}

func floats(list ...float32) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func texts(list ...string) (b []byte) {
	for _, s := range list {
		b = tensor.AppendBytes(b, s)
	}
	return b
}

// testRecord is an answered request of two rows, whose id and values say its number. Output z was not asked for.
func testRecord(i int) *Record {
	return &Record{
		ID: fmt.Appendf(nil, "id-%06d", i), Arrived: clock.Now(), Model: "m", Version: "3", Digest: "abc", Device: "cpu", Batch: 5, Rows: 2, Status: OK,
		Budget: 100 * time.Millisecond, Decode: 1, Queue: 2, Input: 3, Run: 4, Output: 5, Encode: 6, Total: time.Millisecond,
		Schema: testSchema,
		Inputs: []tensor.Tensor{
			{Name: "x", Type: tensor.FP32, Shape: []int64{2, 2}, Data: floats(float32(i), 1, 2, 3)},
			{Name: "who", Type: tensor.Bytes, Shape: []int64{2, 1}, Data: texts("ann", fmt.Sprint("bob", i))},
		},
		Outputs: []tensor.Tensor{{Name: "y", Type: tensor.FP32, Shape: []int64{2}, Data: floats(float32(i), 7)}, {}},
	}
}

// start starts a writer in a folder of the test, and returns what it logs.
func start(t *testing.T, o Options) (*Writer, *observer.ObservedLogs) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	core, logs := observer.New(zap.InfoLevel)
	o.Log = zap.New(core)
	w, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return w, logs
}

func finish(t *testing.T, w *Writer) Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s := w.Stats()
	lost := uint64(0)
	for _, n := range s.Dropped {
		lost += n
	}
	if s.Seen != s.Written+lost || s.Waiting != 0 {
		t.Errorf("seen are %d; written are %d, dropped %v, waiting %d", s.Seen, s.Written, s.Dropped, s.Waiting)
	}
	return s
}

// tables reads all rows of a folder's Parquet files, and adds their numbers up.
func tables(t *testing.T, dir string) (rows []table.Row, sum table.Numbers) {
	t.Helper()
	all, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	sum = table.Numbers{}
	for _, f := range all {
		if !f.Table {
			t.Errorf("%s is not converted", f.Path)
			continue
		}
		p, err := table.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		read := p.Rows(func(r *table.Row) error {
			rows = append(rows, *r)
			return nil
		})
		for name, n := range p.Numbers() {
			sum[name] += n
		}
		if err := errors.Join(read, p.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return rows, sum
}

func TestRowsAreWhatWasTaken(t *testing.T) {
	w, logs := start(t, Options{Sample: 1})
	before := time.Now()
	for i := range 1000 {
		w.Take(testRecord(i))
	}
	refused := testRecord(1000)
	refused.Status, refused.Late, refused.Reason, refused.Inputs, refused.Outputs = "OVERLOADED", true, "spill", nil, nil
	w.Take(refused)
	stats := finish(t, w)
	rows, numbers := tables(t, w.opt.Dir)
	if len(rows) != 1001 || stats.Written != 1001 || stats.Files != 1 || stats.Converting <= 0 {
		t.Fatalf("%d rows, %+v", len(rows), stats)
	}
	if numbers["requests"] != 1001 || numbers["seen"] != 1001 {
		t.Errorf("the file's numbers are %v", numbers)
	}
	r := rows[77]
	if at := r.Time; at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("it came at %v, and the test began at %v", at, before)
	}
	r.Time = time.Time{}
	want := table.Row{
		ID: "id-000077", Model: "m", Version: "3", Digest: "abc", Device: "cpu", Batch: 5, Rows: 2, Status: "OK",
		BudgetNS: 100e6, DecodeNS: 1, QueueNS: 2, InputNS: 3, RunNS: 4, OutputNS: 5, EncodeNS: 6, TotalNS: 1e6,
		Weight: 1, Tensors: "kept", Replayable: true,
		Inputs: []table.Tensor{
			{Name: "x", Datatype: "FP32", Shape: []int64{2, 2}, Raw: floats(77, 1, 2, 3)},
			{Name: "who", Datatype: "BYTES", Shape: []int64{2, 1}, Raw: texts("ann", "bob77")},
		},
		Outputs:  []table.Tensor{{Name: "y", Datatype: "FP32", Shape: []int64{2}, Raw: floats(77, 7)}},
		Features: []table.Feature{},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	if r := rows[1000]; r.Status != "OVERLOADED" || !r.Late || r.Reason != "spill" || r.Replayable || len(r.Inputs)+len(r.Outputs) != 0 {
		t.Errorf("of one that was refused: %+v", r)
	}
	if logs.FilterMessage("logging predictions").Len() != 1 {
		t.Errorf("it logs %v", logs.All())
	}
}

// Rows have the order in which they came, whether they were copied behind others or handed over whole.
func TestLargeAndSmallRecords(t *testing.T) {
	w, _ := start(t, Options{Sample: 1, SpoolBytes: 1 << 20})
	sizes := []int{0, smallFrame / 2, smallFrame, 3 * smallFrame, gathering, 3 * gathering}
	data := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, sizes[i*i%11%len(sizes)]) }
	for i := range 200 {
		r := testRecord(i)
		r.Inputs[0].Data = data(i)
		w.Take(r)
	}
	finish(t, w)
	rows, _ := tables(t, w.opt.Dir)
	if len(rows) != 200 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		if r.ID != string(testRecord(i).ID) || !bytes.Equal(r.Inputs[0].Raw, data(i)) || !bytes.Equal(r.Inputs[1].Raw, testRecord(i).Inputs[1].Data) {
			t.Errorf("row %d is %s with %d bytes", i, r.ID, len(r.Inputs[0].Raw))
		}
	}
}

// An index has every request, and the reason where it has no tensors.
func TestIndexHasEveryRequest(t *testing.T) {
	draws := 0
	w, _ := start(t, Options{Sample: 0.5, Index: true, Keep: [NumKinds]int{Late: 1}, MaxRecord: 700, draw: func() uint64 {
		draws++
		return uint64(draws%2) << 62 // every other one is below the half
	}})
	arrived := clock.Now()
	take := func(i int, change func(*Record)) {
		r := testRecord(i)
		r.Arrived = arrived
		change(r)
		w.Take(r)
	}
	late := func(r *Record) { r.Kinds = r.Kinds.With(Late) }
	take(0, func(*Record) {})
	take(1, func(*Record) {})
	take(2, late)
	take(3, late)
	take(4, late)
	take(5, func(r *Record) { r.Inputs[1].Data = texts(string(make([]byte, 800)), "b") })
	s := finish(t, w)
	rows, numbers := tables(t, w.opt.Dir)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintln(r.ID, r.Tensors, r.Weight, r.KeptFor, len(r.Inputs), r.Replayable))
	}
	want := []string{
		"id-000000 not_sampled 0  0 false\n", "id-000001 kept 2  2 true\n", "id-000002 kept 0 late 2 true\n", "id-000003 kept 2  2 true\n",
		"id-000004 capped 0  0 false\n", "id-000005 too_large 2  0 false\n",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	if s.Seen != 6 || s.Written != 6 || numbers["kind.late"] != 3 || numbers["requests"] != 6 {
		t.Errorf("%+v, %v", s, numbers)
	}
}

// Without an index only what is chosen is seen, and what is not written has its reason.
func TestDropsHaveTheirReasons(t *testing.T) {
	w, logs := start(t, Options{Keep: [NumKinds]int{Failed: 2}, MaxRecord: 700})
	arrived := clock.Now()
	for i := range 10 {
		r := testRecord(i)
		r.Arrived = arrived
		switch {
		case i < 5:
			r.Kinds = r.Kinds.With(Failed)
		case i == 5: // no such kind is kept
			r.Kinds = r.Kinds.With(Refused)
		}
		w.Take(r)
	}
	large := testRecord(10)
	large.Arrived, large.Kinds = arrived.Add(time.Second), large.Kinds.With(Failed)
	large.Inputs[0].Data = make([]byte, 800)
	w.Take(large)
	s := finish(t, w)
	rows, numbers := tables(t, w.opt.Dir)
	if s.Seen != 6 || s.Written != 2 || s.Dropped != [NumReasons]uint64{Capped: 3, TooLarge: 1} || len(rows) != 2 {
		t.Errorf("%+v and %d rows", s, len(rows))
	}
	if want := (table.Numbers{
		"requests": 11, "seen": 6, "kind.failed": 6, "kind.refused": 1, "kind.late": 0, "kind.degraded": 0, "kind.worst": 0,
		"dropped.queue_full": 0, "dropped.disk": 0, "dropped.capped": 3, "dropped.too_large": 1,
	}); !reflect.DeepEqual(numbers, want) {
		t.Errorf("the numbers are %v, want %v", numbers, want)
	}
	if logs.FilterMessage("records are missing from the prediction log").Len() != 1 {
		t.Errorf("it logs %v", logs.All())
	}
}
