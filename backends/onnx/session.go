package onnx

/*
#include "call.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/backends"
	"sluice/backends/onnx/provider"
	"sluice/internal/clock"
	"sluice/internal/complaint"
	"sluice/internal/device"
	"sluice/internal/rows"
	"sluice/internal/tensor"
	"sluice/internal/usage"
)

// Options say how a model is opened.
type Options struct {
	// Schema describes the model; Open keeps it.
	Schema *tensor.Schema
	// FixedBatch is the batch size that the file fixes, 0 if it is free. Smaller
	// batches are filled with copies of their last row. It has no meaning for a schema
	// that cannot batch.
	FixedBatch int
	// Lanes is how many batches may run at once; 0 means 1.
	Lanes int
	// IntraOp is the threads of one run; 0 means 1, which runs on the caller's own.
	// More make a single batch faster where one is too slow, and all of them slower.
	IntraOp int
	// External is set when weights lie in files beside the model, so that ONNX
	// Runtime has to read it by its path.
	External bool
	// Provider is the device; the zero value is the CPU.
	Provider provider.Provider
	// Digest is the model's identity, for what is kept on disk between processes. Empty
	// means the file's own SHA-256, which leaves out weights beside it.
	Digest string
	// RecordNodes keeps which provider runs which nodes, for Nodes. It makes opening slower.
	RecordNodes bool
	// Memory gives the memory of a fixed input's or output's rows, for the largest batch; nil,
	// or no memory for one of them, means C memory of the session's own. What it gives must not
	// be Go memory, and must stay until the session is closed.
	Memory func(lane int, output bool, index int) []byte

	apart []int // of a test on the CPU: batch sizes with an engine each
}

// Session is one model version on one device.
type Session struct {
	schema *tensor.Schema
	place  provider.Place
	layout *rows.Layout
	memory func(lane int, output bool, index int) []byte
	// engines are one for all batch sizes, or one for each of the layout's.
	engines []engine
	lanes   []lane
	watch   watchdog
	use     usage.Count
	once    sync.Once
}

var _ backends.Session = (*Session)(nil)

// Opening and closing sessions is not safe everywhere in ONNX Runtime.
var opening sync.Mutex

// Open loads the model at path. Init must have succeeded.
func Open(path string, o Options) (*Session, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("cannot open model: %w", err)
	}
	sizes := o.apart
	if sizes == nil {
		sizes = device.Sizes(o.Provider.Device.Kind.GPU(), o.Schema.MaxBatch, o.FixedBatch)
	}
	layout, err := rows.New(o.Schema, sizes)
	if err != nil {
		return nil, fmt.Errorf("cannot open model: %w", err)
	}
	s := &Session{schema: o.Schema, layout: layout, memory: o.Memory}
	s.place.Init(o.Provider.Device.Kind)
	s.use.Init()
	if err := s.openEngines(path, &o); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open model: %w", provider.Fault(s.place.Kind, err)), s.Close())
	}
	if err := s.openLanes(max(o.Lanes, 1)); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open model: %w", err), s.Close())
	}
	return s, nil
}

func (o Options) check() error {
	s := o.Schema
	switch {
	case library.memory == nil:
		return errors.New("ONNX Runtime is not loaded")
	case s == nil || len(s.Inputs) == 0 || len(s.Outputs) == 0:
		return errors.New("its schema has no inputs or no outputs")
	case len(s.Outputs) > C.SLUICE_MAX_OUTPUTS:
		return fmt.Errorf("it has %d outputs; %d are the most", len(s.Outputs), C.SLUICE_MAX_OUTPUTS)
	case o.FixedBatch > 0 && o.FixedBatch < s.MaxBatch:
		return fmt.Errorf("the file fixes the batch at %d rows and the schema allows %d", o.FixedBatch, s.MaxBatch)
	}
	if err := o.Provider.Check(); err != nil || s.Padding == nil {
		return err
	}
	p := s.Padding
	if len(p.InputAxis) != len(s.Inputs) || len(p.OutputAxis) != len(s.Outputs) || len(p.Values) != len(s.Inputs) || !s.Batchable() {
		return errors.New("its padding does not fit its inputs and outputs")
	}
	for i, axis := range p.InputAxis {
		if in := s.Inputs[i]; axis >= 0 && (axis == 0 || axis >= len(in.Shape) || in.Type.Size() == 0 || len(p.Values[i]) != in.Type.Size()) {
			return fmt.Errorf("input %q cannot be padded on axis %d with %d bytes", in.Name, axis, len(p.Values[i]))
		}
	}
	return nil
}

func createFrom(path string, data []byte, o *Options) (owner *ort.DynamicAdvancedSession, err error) {
	so, err := sessionOptions(*o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, so.Destroy()) }()
	about := provider.Model{File: data, Digest: o.Digest, Schema: o.Schema, FixedBatch: o.FixedBatch}
	if err := o.Provider.Attach(so, &about, library.path); err != nil {
		return nil, fmt.Errorf("cannot use device %s: %w", o.Provider.Device, err)
	}
	ins, outs := specNames(o.Schema.Inputs), specNames(o.Schema.Outputs)
	if o.External {
		owner, err = ort.NewDynamicAdvancedSession(path, ins, outs, so)
	} else {
		owner, err = ort.NewDynamicAdvancedSessionWithONNXData(data, ins, outs, so)
	}
	if err != nil {
		return nil, complaint.ParseLoading(complaint.Unknown, err.Error())
	}
	return owner, nil
}

func sessionOptions(o Options) (*ort.SessionOptions, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		so.SetIntraOpNumThreads(max(o.IntraOp, 1)),
		so.SetExecutionMode(ort.ExecutionModeSequential),
		so.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		so.SetLogSeverityLevel(ort.LoggingLevelFatal),
		// Idle threads that spin burn a core for nothing measurable.
		so.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		so.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		// A memory plan is kept for every shape ever seen, so free axes would grow it.
		so.SetMemPattern(!freeAxes(o.Schema)),
	)
	if o.RecordNodes {
		err = errors.Join(err, so.AddSessionConfigEntry("session.record_ep_graph_assignment_info", "1"))
	}
	if err != nil {
		return nil, errors.Join(err, so.Destroy())
	}
	return so, nil
}

func freeAxes(s *tensor.Schema) bool {
	return slices.ContainsFunc(s.Inputs, func(in tensor.Spec) bool {
		return slices.Contains(s.RowShape(&in), -1)
	})
}

func specNames(specs []tensor.Spec) []string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return names
}

func (s *Session) openLanes(n int) error {
	s.lanes = make([]lane, n)
	s.watch.init(s.lanes)
	_, err := s.lane(0)
	return err
}

// Schema describes the model; it must not be changed.
func (s *Session) Schema() *tensor.Schema { return s.schema }

// Lanes is the number of lanes.
func (s *Session) Lanes() int { return len(s.lanes) }

// Sizes are the batch sizes that the session really runs, rising; smaller batches are filled
// with copies of their last row. Nil means any size as it is. It must not be changed.
func (s *Session) Sizes() []int { return s.layout.Sizes }

// Close waits for running calls and frees the session. Later calls fail. It may be
// called more than once; each call returns after the session is closed.
func (s *Session) Close() error {
	var err error
	s.once.Do(func() {
		s.use.Close()
		s.watch.stop()
		for i := range s.lanes {
			s.lanes[i].close()
		}
		err = s.closeEngines()
		trimMalloc()
	})
	return err
}

// execute runs what the lane has gathered.
func (s *Session) execute(l *lane, wanted uint64, limit clock.Instant) error {
	err := s.attempt(l, wanted, limit)
	if err != nil && missingLocale(err) != "" {
		opening.Lock()
		defer opening.Unlock()
		err = withLocales(func() error { return s.attempt(l, wanted, limit) })
	}
	return err
}

func (s *Session) attempt(l *lane, wanted uint64, limit clock.Instant) error {
	s.place.Enter()
	defer s.place.Leave()
	s.watch.begin(l, limit)
	err := s.run(l, wanted)
	if cut := s.watch.end(l); cut && err != nil {
		return cutShort(err)
	}
	if err != nil {
		l.nameMisfit(err)
	}
	return runFault(s.place.Kind, err)
}

func (s *Session) run(l *lane, wanted uint64) error {
	handle := s.engineFor(l.batch.Filled)
	return s.place.Run(func() error { return l.call.run(handle, wanted) })
}
