package serve

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"go.uber.org/zap"

	"sluice/gateway"
	"sluice/internal/oip"
	"sluice/internal/remedy"
	"sluice/internal/task"
	"sluice/internal/telemetry"
	"sluice/internal/trace"
	"sluice/internal/trace/record"
)

// startRecording begins the trace that the settings ask for, if they do.
func (s *Server) startRecording() (err error) {
	r := &s.cfg.Record
	if r.File == "" {
		return nil
	}
	s.recorder, err = record.Start(record.Options{Path: r.File, MaxBytes: int64(r.MaxBytes), MaxAge: r.MaxAge, Payloads: r.Payloads, Log: s.log})
	if err != nil {
		return s.cfg.Fault("record.file", fmt.Errorf("cannot create the trace %s: %w", r.File, remedy.Written(err)))
	}
	s.metrics.WatchRecording(func() telemetry.Recording { return telemetry.Recording(s.recorder.Stats()) })
	return nil
}

// recordStop is how long a disk may take for what is left of the trace when the server stops.
const recordStop = 2 * time.Second

// stopRecording completes the trace once nothing arrives any more.
func (s *Server) stopRecording() {
	if s.recorder == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordStop)
	defer cancel()
	if err := s.recorder.Close(ctx); err != nil {
		s.log.Warn("the trace was left incomplete", zap.Error(err))
	}
}

// keepBody reports whether the trace needs the bytes of a prediction: to keep them, or to see how many rows
// one had that was refused before it was decoded. It is nil if nothing is recorded.
func (s *Server) keepBody() func(*gateway.Exchange) bool {
	if s.recorder == nil {
		return nil
	}
	return func(x *gateway.Exchange) bool { return !x.Decoded || s.recorder.Payloads() }
}

// arrivals turns the gateway's exchanges into a trace's arrivals.
type arrivals struct{ recorder *record.Recorder }

func (to arrivals) ended(x *gateway.Exchange) {
	info, t, schema := x.Asked().Info(), x.Own(), x.Schema()
	if x.Fall.From != nil {
		schema = info.Client
	}
	a := record.Arrival{
		At: x.Arrived, Model: info.Name, Priority: task.Normal,
		Version: info.Version, Fault: x.Outcome.Fault, Late: x.Outcome.Late || x.Outcome.Overran,
	}
	a.SetID(x.ID)
	// A budget that is the model's own is left to it, whatever that is where the trace is read.
	if own := t.Deadline.Sub(t.Arrived); t.Deadline != 0 && own != info.Budget {
		a.Budget = own
	}
	if x.Decoded {
		a.Rows, a.Priority = t.Rows, t.Priority
		for i := range t.Inputs {
			if i == 0 {
				shape := t.Inputs[i].Shape
				if w := schema.Inputs[i].Wire; w != nil {
					shape, _ = w.AppendShape(a.Shape[:0], shape) // in place: nothing is allocated
				}
				a.Dims = copy(a.Shape[:], shape)
			}
			a.Bytes += int64(len(t.Inputs[i].Data))
		}
	} else if a.Rows = 1; len(x.Head.ContentEncoding) == 0 {
		a.Dims = oip.PeekShape(x.Body, a.Shape[:])
		if a.Dims > 0 && info.Schema.Batchable() {
			a.Rows = int(a.Shape[0])
		}
	}
	if !to.recorder.Payloads() || x.Body == nil {
		to.recorder.Arrived(&a, nil)
		return
	}
	p := trace.Payload{Protocol: "v2", Type: text(x.Head.ContentType), Encoding: text(x.Head.ContentEncoding), Header: int64(x.JSONLength()), Body: x.Body}
	if x.Format == gateway.V1 {
		p.Protocol = "v1"
	}
	to.recorder.Arrived(&a, &p)
}

// text is b as a string without a copy, which the recorder makes.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
