package httpfront

import (
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"sluice/gateway"
	"sluice/internal/accesslog"
	"sluice/internal/fault"
)

// Limits bound what one client may ask for. Zero means the default.
type Limits struct {
	// MaxBodyBytes is the largest request body on the wire; default 64 MiB.
	MaxBodyBytes int64
	// MaxHeaderBytes is the largest header block, request line included; default 8 KiB.
	MaxHeaderBytes int
	// MaxHeaders is the most header lines; default 100.
	MaxHeaders int
	// MaxURIBytes is the longest request target; default 2 KiB.
	MaxURIBytes int
	// MaxConnections is the most connections at once; default 4096.
	MaxConnections int
}

// Options are what a Server needs. Zero means the default said in each comment.
type Options struct {
	// Gateway takes the predictions. Required.
	Gateway *gateway.Gateway
	// Observer hears of every request; default nobody.
	Observer Observer
	// AccessLog hears of requests that have been answered; default nothing is logged of them.
	AccessLog *accesslog.Log
	// Log takes state changes and panics; default none.
	Log *zap.Logger
	// Version is the server's own, for its metadata; default "dev".
	Version string
	// BasePath is cut from the front of every path, such as "/models-eu"; default none.
	BasePath string
	Limits   Limits
	// Workers is how many goroutines serve connections in event loops (package loop); default 0:
	// each connection has a goroutine of its own, as on systems other than Linux.
	Workers int
	// Run is called by workers after they have submitted what had come: it runs what can be
	// run at once. more says that there is more to run and that it waits for the next call;
	// busy is how long what comes in next could not be run anyway. Required with Workers.
	Run func() (more bool, busy time.Duration)
	// OnWorker is called first on the goroutine of each worker: the place to bind it to a
	// thread. Default: nothing is done.
	OnWorker func(worker int)
	// HeaderTimeout is the time for a header once its first byte has come; default 10 s.
	HeaderTimeout time.Duration
	// ReadTimeout is the time for a body once its header has come; default 30 s.
	ReadTimeout time.Duration
	// WriteTimeout is the time for writing an answer; default 30 s. It and IdleTimeout
	// are kept without a timer per request and may last up to a quarter longer.
	WriteTimeout time.Duration
	// IdleTimeout is how long a kept connection may wait for its next request; default 75 s.
	IdleTimeout time.Duration
	// Ready says in a sentence what the server's readiness waits for, such as its first models;
	// nil if for nothing. Clients may see it. Default: no model is on its way to its first version.
	Ready func() error
	// Degraded tells, a sentence each, what the server does without while it is ready, such
	// as a device that is closed; default nothing. Clients may see it.
	Degraded func() []string
}

// Observer is told what happened on the port, besides what the gateway's listeners hear of predictions.
// Its methods run on the request path: they must not block, allocate or keep their arguments.
type Observer interface {
	// Refused reports a request that failed, unless it is a prediction that found its model.
	Refused(fault.Kind)
	// Answered reports the status of every answer on the predict port.
	Answered(status int)
	// Connected reports a connection that begins (1) or ends (-1).
	Connected(delta int)
}

type noObserver struct{}

func (noObserver) Refused(fault.Kind) {}
func (noObserver) Answered(int)       {}
func (noObserver) Connected(int)      {}

func setDefault[T int | int64 | time.Duration](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

func (l *Limits) setDefaults() {
	setDefault(&l.MaxBodyBytes, 64<<20)
	setDefault(&l.MaxHeaderBytes, 8<<10)
	setDefault(&l.MaxHeaders, 100)
	setDefault(&l.MaxURIBytes, 2<<10)
	setDefault(&l.MaxConnections, 4096)
}

// complete fills in defaults and reports every value that cannot work.
func (o *Options) complete() error {
	o.setDefaults()
	return o.validate()
}

func (o *Options) setDefaults() {
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.AccessLog == nil {
		o.AccessLog = &accesslog.Log{}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.OnWorker == nil {
		o.OnWorker = func(int) {}
	}
	if o.Ready == nil {
		o.Ready = func() error { return firstLoads(o.Gateway.Models()) }
	}
	if o.Degraded == nil {
		o.Degraded = func() []string { return nil }
	}
	o.Limits.setDefaults()
	setDefault(&o.HeaderTimeout, 10*time.Second)
	setDefault(&o.ReadTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, 30*time.Second)
	setDefault(&o.IdleTimeout, 75*time.Second)
}

func (o *Options) validate() error {
	var faults []error
	if o.Gateway == nil {
		return errors.New("cannot serve without a Gateway")
	}
	if o.Workers > 0 && o.Run == nil {
		faults = append(faults, errors.New("cannot serve with Workers and without Run"))
	}
	if o.BasePath != "" && (o.BasePath[0] != '/' || o.BasePath[len(o.BasePath)-1] == '/') {
		faults = append(faults, fmt.Errorf("base path %q must start with a slash and not end with one", o.BasePath))
	}
	l := &o.Limits
	for _, limit := range []struct {
		name  string
		value int64
		min   int64
		max   int64
	}{
		{"MaxBodyBytes", l.MaxBodyBytes, 1, math.MaxInt32},
		{"MaxHeaderBytes", int64(l.MaxHeaderBytes), 256, 1 << 20},
		{"MaxHeaders", int64(l.MaxHeaders), 1, 10_000},
		{"MaxURIBytes", int64(l.MaxURIBytes), 64, int64(l.MaxHeaderBytes)},
		{"Workers", int64(o.Workers), 0, 1 << 10},
		{"MaxConnections", int64(l.MaxConnections), 1, 1 << 20},
		{"HeaderTimeout", int64(o.HeaderTimeout), 1, math.MaxInt64},
		{"ReadTimeout", int64(o.ReadTimeout), 1, math.MaxInt64},
		{"WriteTimeout", int64(o.WriteTimeout), 1, math.MaxInt64},
		{"IdleTimeout", int64(o.IdleTimeout), 1, math.MaxInt64},
	} {
		if limit.value < limit.min || limit.value > limit.max {
			faults = append(faults, fmt.Errorf("%s is %d; it must be from %d to %d", limit.name, limit.value, limit.min, limit.max))
		}
	}
	if most := o.Gateway.Bodies.Limit(); l.MaxBodyBytes > most {
		faults = append(faults, fmt.Errorf("MaxBodyBytes is %d; it must be at most the gateway's MaxBodiesBytes, %d", l.MaxBodyBytes, most))
	}
	return errors.Join(faults...)
}
