package gateway

import (
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"sluice/internal/accesslog"
	"sluice/internal/oip"
)

// Limits bound what one client may ask for. Zero means the default.
type Limits struct {
	// MaxBodyBytes is the largest request body on the wire; default 64 MiB.
	MaxBodyBytes int64
	// MaxInflatedBytes is the largest body after decompression; default 64 MiB.
	MaxInflatedBytes int64
	// MaxBodiesBytes bounds the bodies above 4 KiB of all connections together, as they come and as
	// they are decompressed; default 1 GiB.
	MaxBodiesBytes int64
	// MaxInputsBytes bounds the decoded inputs above 4 KiB of all requests together; default 1 GiB.
	MaxInputsBytes int64
	// MaxAnswersBytes bounds the outputs and answers above 4 KiB of all requests together, until
	// they are written; default 2 GiB.
	MaxAnswersBytes int64
	// MaxAnswerBytes is the largest answer before it is compressed; default 1 GiB.
	MaxAnswerBytes int64
	// MaxHeaderBytes is the largest header block, request line included; default 8 KiB.
	MaxHeaderBytes int
	// MaxHeaders is the most header lines; default 100.
	MaxHeaders int
	// MaxURIBytes is the longest request target; default 2 KiB.
	MaxURIBytes int
	// MaxConnections is the most connections at once; default 4096.
	MaxConnections int
	// MaxBudget is the longest budget that a request may ask for; default 10 min.
	MaxBudget time.Duration
	// Decode bounds tensors and JSON.
	Decode oip.Limits
}

// Options are what a Server needs. Zero means the default said in each comment.
type Options struct {
	// Models is required.
	Models Models
	// Observer hears of every request; default nobody.
	Observer Observer
	// Recorder hears of what arrives; default nobody.
	Recorder Recorder
	// AccessLog hears of requests that have been answered; default nothing is logged of them.
	AccessLog *accesslog.Log
	// Log takes state changes and panics; default none.
	Log *zap.Logger
	// Version is the server's own, for its metadata; default "dev".
	Version string
	// BasePath is cut from the front of every path, such as "/models-eu"; default none.
	BasePath string
	Limits   Limits
	// Workers is how many goroutines serve connections in event loops (loop.go); default 0:
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
	// CompressFrom is the smallest answer that is compressed when the client allows it;
	// default 1024 bytes: below that a packet is not saved and time is lost. Clients on
	// aiohttp allow it unless told otherwise.
	CompressFrom int
	// Ready says in a sentence what the server's readiness waits for, such as its first models;
	// nil if for nothing. Clients may see it. Default: no model is on its way to its first version.
	Ready func() error
	// Degraded tells, a sentence each, what the server does without while it is ready, such
	// as a device that is closed; default nothing. Clients may see it.
	Degraded func() []string
}

func setDefault[T int | int64 | time.Duration](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

func (l *Limits) setDefaults() {
	setDefault(&l.MaxBodyBytes, 64<<20)
	setDefault(&l.MaxInflatedBytes, 64<<20)
	setDefault(&l.MaxBodiesBytes, 1<<30)
	setDefault(&l.MaxInputsBytes, 1<<30)
	setDefault(&l.MaxAnswersBytes, 2<<30)
	setDefault(&l.MaxAnswerBytes, 1<<30)
	setDefault(&l.MaxHeaderBytes, 8<<10)
	setDefault(&l.MaxHeaders, 100)
	setDefault(&l.MaxURIBytes, 2<<10)
	setDefault(&l.MaxConnections, 4096)
	setDefault(&l.MaxBudget, 10*time.Minute)
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
	if o.Recorder == nil {
		o.Recorder = noRecorder{}
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
		o.Ready = func() error { return firstLoads(o.Models) }
	}
	if o.Degraded == nil {
		o.Degraded = func() []string { return nil }
	}
	o.Limits.setDefaults()
	setDefault(&o.HeaderTimeout, 10*time.Second)
	setDefault(&o.ReadTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, 30*time.Second)
	setDefault(&o.IdleTimeout, 75*time.Second)
	setDefault(&o.CompressFrom, 1024)
}

func (o *Options) validate() error {
	var faults []error
	if o.Models == nil {
		faults = append(faults, errors.New("cannot serve without Models"))
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
		{"MaxInflatedBytes", l.MaxInflatedBytes, 1, math.MaxInt32},
		{"MaxBodiesBytes", l.MaxBodiesBytes, l.MaxBodyBytes, math.MaxInt64},
		{"MaxInputsBytes", l.MaxInputsBytes, 1, math.MaxInt64},
		{"MaxAnswersBytes", l.MaxAnswersBytes, 1, math.MaxInt64},
		{"MaxAnswerBytes", l.MaxAnswerBytes, 1, math.MaxInt32},
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
	return errors.Join(faults...)
}
