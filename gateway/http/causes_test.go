package httpfront

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/accesslog"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// The cause of what the client is not told goes to the log, with what finds the request.
func TestCausesAreLogged(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	var next atomic.Pointer[error] // what the model ends with
	model := simpleModel()
	model.run = func(*task.Task) error { return *next.Load() }
	e := serve(t, newFakeModels(model), func(o *setup) { o.Log = zap.New(core) })
	f := func(err error, raw string, level zapcore.Level, want map[string]any) {
		t.Helper()
		next.Store(&err)
		answer := e.send(raw)
		all := logs.TakeAll()
		if want == nil {
			if len(all) != 0 {
				t.Errorf("%v is logged: %v", err, all)
			}
			return
		}
		if len(all) != 1 || all[0].Level != level {
			t.Fatalf("%v: got %v, want one line at %v", err, all, level)
		}
		got := all[0].ContextMap()
		want["model"], want["version"], want["skipped"] = "simple", "1", int64(0)
		if want["request_id"] == nil {
			want["request_id"] = answer.header.Get("X-Request-Id") // a new one
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%v: %s is %v, want %v", err, key, got[key], value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%v: got the fields %v, want %v", err, got, want)
		}
	}
	cause := errors.New(`node "gather" (Gather): indices element out of data bounds`)
	rejected := fault.Wrap(fault.ModelRejectedInput, cause, "the model rejected the values of an input")
	named, plain := post(simpleInfer, simpleBody(`"id":"42",`), "X-Request-ID: abc-1"), post(simpleInfer, simpleBody(""))
	f(rejected, named, zap.WarnLevel, map[string]any{"code": "MODEL_REJECTED_INPUT", "cause": cause.Error(), "id": "42", "request_id": "abc-1"})
	f(rejected, plain, zap.WarnLevel, map[string]any{"code": "MODEL_REJECTED_INPUT", "cause": cause.Error()})
	f(fault.Wrap(fault.InferenceFailed, cause, "the run failed"), named, zap.ErrorLevel, map[string]any{"code": "INFERENCE_FAILED", "cause": cause.Error(), "id": "42", "request_id": "abc-1"})
	f(cause, plain, zap.ErrorLevel, map[string]any{"code": "INTERNAL", "cause": cause.Error()})
	f(fault.New(fault.NonFiniteOutput, "output 'y' is not finite"), plain, zap.ErrorLevel, map[string]any{"code": "NON_FINITE_OUTPUT", "cause": "output 'y' is not finite"})
	const maxCauseText = 8 << 10
	long := strings.Repeat("x", 2*maxCauseText)
	f(fault.Wrap(fault.InferenceFailed, errors.New(long), "the run failed"), plain, zap.ErrorLevel, map[string]any{"code": "INFERENCE_FAILED", "cause": long[:maxCauseText] + "…"})
	// An answer that cannot be written is a failure too.
	f(nil, plain, zap.ErrorLevel, map[string]any{"code": "INTERNAL", "cause": "the model gave no output 'OUTPUT0'"})

	f(rejected, post(simpleInfer, simpleBody(""), "X-Request-Id: "+long[:accesslog.MaxID]), zap.WarnLevel,
		map[string]any{"code": "MODEL_REJECTED_INPUT", "cause": cause.Error(), "request_id": long[:accesslog.MaxID]})
	f(fault.New(fault.Overloaded, "the queue is full"), named, 0, nil)
	f(fault.New(fault.DeadlineExceeded, "too late"), named, 0, nil)
	f(nil, post(simpleInfer, "{}"), 0, nil)
}
