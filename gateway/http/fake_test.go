package httpfront

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/internal/unit"
)

// fakeModel runs a plain function over tasks.
type fakeModel struct {
	info  *gateway.ModelInfo
	run   func(*task.Task) error
	admit func() error
	// admitAt is admit with the deadline that is asked for.
	admitAt func(deadline clock.Instant) error
	pins    atomic.Int32
	canary  *fakeModel
	away    atomic.Pointer[fault.Error] // of Ready

	mu    sync.Mutex
	stats oip.ModelStatistics
}

func (m *fakeModel) Info() *gateway.ModelInfo { return m.info }

// Split is none, unless there is a canary: then half of the units are its.
func (m *fakeModel) Split(bucket int) (int, gateway.Model) {
	switch {
	case m.canary == nil:
		return 0, nil
	case bucket < 0 || bucket >= unit.Buckets/2:
		return unit.Buckets / 2, nil
	}
	m.canary.pins.Add(1)
	return unit.Buckets / 2, m.canary
}

func (m *fakeModel) Release() { m.pins.Add(-1) }

func (m *fakeModel) Ready() error {
	if f := m.away.Load(); f != nil {
		return f
	}
	return nil
}

func (m *fakeModel) Refusing() bool { return m.admit != nil || m.admitAt != nil }

func (m *fakeModel) Admit(_, deadline clock.Instant) error {
	if m.admitAt != nil {
		return m.admitAt(deadline)
	}
	if m.admit == nil {
		return nil
	}
	return m.admit()
}

func (m *fakeModel) Predict(t *task.Task) error {
	t.Trace.Queued = clock.Now()
	t.Trace.RunStart = t.Trace.Queued
	t.Reserve(len(m.info.Schema.Outputs))
	err := m.run(t)
	t.Join()
	t.Trace.RunEnd = clock.Now()
	t.Trace.Device, t.Trace.Batch = "fake", t.Rows
	took := t.Trace.RunEnd.Sub(t.Trace.RunStart)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.stats.InferenceStats.Fail.Count++
		return err
	}
	m.stats.InferenceCount += uint64(t.Rows)
	m.stats.ExecutionCount++
	m.stats.LastInference = 1_700_000_000_000
	is := &m.stats.InferenceStats
	for _, d := range [...]*oip.Duration{&is.Success, &is.Queue, &is.ComputeInput, &is.ComputeInfer, &is.ComputeOutput} {
		d.Count++
		d.Total += took
	}
	return nil
}

// Submit runs the task on a goroutine of its own, as the lane of a scheduler would.
func (m *fakeModel) Submit(t *task.Task) error {
	go func() {
		defer func() {
			if p := recover(); p != nil {
				t.Err = fault.New(fault.Internal, "internal error")
			}
			if w := t.End(); w != nil {
				w.Wake()
			}
		}()
		t.Err = m.Predict(t)
	}()
	return nil
}

func (m *fakeModel) Stats() oip.ModelStatistics {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	empty := oip.NewModelStatistics(m.info.Name, m.info.Version)
	s.Name, s.Version, s.BatchStats, s.MemoryUsage = empty.Name, empty.Version, empty.BatchStats, empty.MemoryUsage
	return s
}

// fakeModels is a repository of fakes; it is its own Control.
type fakeModels struct {
	mu     sync.Mutex
	models map[string]*fakeModel
	off    map[string]bool // unloaded
	state  map[string]string
}

func newFakeModels(models ...*fakeModel) *fakeModels {
	f := &fakeModels{models: map[string]*fakeModel{}, off: map[string]bool{}, state: map[string]string{}}
	for _, m := range models {
		f.models[m.info.Name] = m
	}
	return f
}

func (f *fakeModels) Acquire(name, version string) (gateway.Model, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.models[name]
	switch {
	case m == nil || f.off[name]:
		return nil, fault.Newf(fault.ModelNotFound, "Request for unknown model: '%s' is not found", name)
	case f.state[name] == oip.StateLoading:
		return nil, fault.Newf(fault.ModelNotReady, "Request for unknown model: '%s' version 1 is not at ready state", name)
	case version != "" && version != m.info.Version:
		return nil, fault.Newf(fault.VersionNotFound, "Request for unknown model: '%s' version %s is not found", name, version)
	}
	m.pins.Add(1)
	return m, nil
}

func (f *fakeModels) List() []gateway.ModelStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []gateway.ModelStatus
	for name, m := range f.models {
		s := gateway.ModelStatus{Name: name, Version: m.info.Version, State: oip.StateReady, Stats: m.Stats}
		if f.off[name] {
			s.State, s.Reason, s.Stats = oip.StateUnavailable, "unloaded", nil
		}
		if state := f.state[name]; state != "" {
			s.State, s.Stats = state, nil
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b gateway.ModelStatus) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

func (f *fakeModels) set(name string, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state[name] = state
}

func (f *fakeModels) Load(_ context.Context, name string) error { return f.turn(name, false) }

func (f *fakeModels) Unload(_ context.Context, name string) error { return f.turn(name, true) }

func (f *fakeModels) turn(name string, off bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.models[name] == nil {
		return fault.Newf(fault.ModelNotFound, "model '%s' is not in the repository", name)
	}
	f.off[name] = off
	return nil
}

// simpleModel is the protocol suites' fixture: INT32 [16] twice, sum and difference.
func simpleModel() *fakeModel {
	spec := func(name string) tensor.Spec {
		return tensor.Spec{Name: name, Type: tensor.Int32, Shape: []int64{-1, 16}}
	}
	schema := &tensor.Schema{
		Inputs:   []tensor.Spec{spec("INPUT0"), spec("INPUT1")},
		Outputs:  []tensor.Spec{spec("OUTPUT0"), spec("OUTPUT1")},
		MaxBatch: 8, MaxRows: 8,
	}
	row := []int64{16}
	scratch := sync.Pool{New: func() any { return &[2][8 * 64]byte{} }}
	return &fakeModel{
		info: gateway.NewModelInfo(gateway.ModelInfo{Name: "simple", Version: "1", Platform: "fake", Digest: "sha256:00ff", Schema: schema, Budget: 10 * time.Second}),
		run: func(t *task.Task) error {
			out := scratch.Get().(*[2][8 * 64]byte)
			defer scratch.Put(out)
			for i := 0; i < 64*t.Rows; i += 4 {
				a := binary.LittleEndian.Uint32(t.Inputs[0].Data[i:])
				b := binary.LittleEndian.Uint32(t.Inputs[1].Data[i:])
				binary.LittleEndian.PutUint32(out[0][i:], a+b)
				binary.LittleEndian.PutUint32(out[1][i:], a-b)
			}
			for k := range out {
				if err := t.SetRows(k, &schema.Outputs[k], row, 0, t.Rows, out[k][:64*t.Rows]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// identityModel answers with its input; shape is without the batch axis.
func identityModel(name string, kind tensor.DataType, maxBatch int) *fakeModel {
	shape := []int64{-1}
	if maxBatch > 0 {
		shape = []int64{-1, -1}
	}
	schema := &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "INPUT0", Type: kind, Shape: shape}},
		Outputs:  []tensor.Spec{{Name: "OUTPUT0", Type: kind, Shape: shape}},
		MaxBatch: maxBatch, MaxRows: maxBatch,
	}
	return &fakeModel{
		info: gateway.NewModelInfo(gateway.ModelInfo{Name: name, Version: "1", Platform: "fake", Schema: schema, Budget: 10 * time.Second}),
		run: func(t *task.Task) error {
			t.SetWhole(0, &schema.Outputs[0], t.Inputs[0].Shape, t.Inputs[0].Data)
			return nil
		},
	}
}

// classifyModel is an FP32 identity whose output has class labels.
func classifyModel() *fakeModel {
	m := identityModel("classify", tensor.FP32, 8)
	m.info.Schema.Outputs[0].Labels = []string{"cat", "dog", "owl"}
	return m
}

func fixtures() *fakeModels {
	return newFakeModels(
		simpleModel(),
		identityModel("id_bytes", tensor.Bytes, 8),
		identityModel("id_fp16", tensor.FP16, 8),
		identityModel("id_fp32", tensor.FP32, 8),
		identityModel("raw1", tensor.FP32, 8),
		identityModel("whole", tensor.FP32, 0),
		classifyModel(),
	)
}
