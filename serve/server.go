package serve

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/backends/fleet"
	"sluice/batcher"
	"sluice/config"
	"sluice/features"
	"sluice/features/store"
	"sluice/gateway"
	httpfront "sluice/gateway/http"
	"sluice/gateway/http/admin"
	"sluice/internal/accesslog"
	"sluice/internal/agree"
	"sluice/internal/telemetry"
	"sluice/internal/trace/record"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/models/roles"
	"sluice/predlog"
	"sluice/serve/rollouts"
	"sluice/shadow"
)

// Options say what a Server is.
type Options struct {
	// Config are the settings, as Settings gives them or config.Default with changes. New fits what they leave
	// open to the machine's memory.
	Config *config.Config
	// Paths are models beside the folder of the settings, see ChooseModels.
	Paths []string
	// Version is the gateway's own, as it is told to clients and in the log.
	Version string
	// Log may be nil.
	Log *zap.Logger
	// Listener is the predict port; nil opens the one that the settings name.
	Listener net.Listener
	// Only chooses the versions of the models folder that are served; nil serves what the settings say.
	Only func(name, version string) bool
	// OnlyDevices names devices that every model runs on, whatever the settings say, and however far its answers there are
	// apart: for those who compare devices. Empty leaves it to the settings.
	OnlyDevices []string
	// FeatureStores are stores beside those of the settings, by name. The server closes them.
	FeatureStores map[string]store.Store
	// Whole says that requests bring the tensors of every input, as those of a mirror do: none is filled.
	Whole bool
	// Blind leaves out proof and test of batching, so that live comparisons have to find what they
	// would have found. It is for a test alone.
	Blind bool
}

// Server is the running gateway.
type Server struct {
	cfg *config.Config
	log *zap.Logger
	o   Options

	metrics  *telemetry.Metrics
	batcher  *batcher.Batcher
	registry *models.Registry
	roles    *roles.Store
	plans    *rollouts.Runner
	// endPlans ends what carries out plans, and waits for it.
	endPlans func()
	// endWebhooks does so for what tells others of changes.
	endWebhooks func()
	// forgetful says why the roles are kept in memory alone; empty if they are not, or are to be.
	forgetful string
	copies    *bundle.Copies
	gateway   *gateway.Gateway
	front     *httpfront.Server
	admin     *admin.Port // nil if there is none
	// metricsPort serves metrics and health alone; nil if there is none.
	metricsPort *admin.Port
	library     string
	threads     *threads
	lanes       int // of the CPU
	fleet       *fleet.Fleet
	features    *features.Engine
	usual       *usualShares
	gpus        gpuWatch
	recorder    *record.Recorder // nil if nothing is recorded
	predictions *predlog.Writer  // nil if answers are not recorded
	access      *accesslog.Log   // nil if there is none
	ceiling     ceiling
	mirror      *shadow.Mirror
	unfollow    context.CancelFunc // ends that the mirror follows the roles
	unfollowed  chan struct{}      // closed when it has ended

	ports struct{ predict, admin, metrics net.Listener } // nil for one that is not there
}

// New makes a gateway: it has its devices and its ports then, and answers nobody before Run. The context
// bounds the start alone.
func New(ctx context.Context, o Options) (*Server, error) { return open(ctx, o, steps) }

// open goes through the steps of a start. What a failed one leaves open is closed.
func open(ctx context.Context, o Options, steps []step) (*Server, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.narrow()
	s := &Server{cfg: o.Config, log: o.Log, o: o, metrics: telemetry.New(o.Version)}
	for _, step := range steps {
		if err := step.do(s, ctx); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// Addr is where the gateway listens for predictions.
func (s *Server) Addr() net.Addr { return s.ports.predict.Addr() }

// AdminAddr is where it listens for operators, and MetricsAddr for those who scrape metrics; nil if it does
// not.
func (s *Server) AdminAddr() net.Addr { return addressOf(s.ports.admin) }

// MetricsAddr is that of the port that serves metrics and health alone; nil if there is none.
func (s *Server) MetricsAddr() net.Addr { return addressOf(s.ports.metrics) }

func addressOf(ln net.Listener) net.Addr {
	if ln == nil {
		return nil
	}
	return ln.Addr()
}

// Registry has the models.
func (s *Server) Registry() *models.Registry { return s.registry }

// Gateway takes predictions from a front end that lives beside the HTTP of this one. The front end must have
// ended its exchanges before Run returns.
func (s *Server) Gateway() *gateway.Gateway { return s.gateway }

// WatchLog puts into the metrics how many lines of the log were lost.
func (s *Server) WatchLog(lost func() uint64) { s.metrics.WatchLog(lost) }

// modelOptions is how bundles are found and proven, by a Server and a Check alike.
func modelOptions(o *Options, devices []gates.Device, library string) models.Options {
	cfg := o.Config
	d := &cfg.ModelDefaults
	return models.Options{
		Options: gates.Options{
			Defaults: bundle.Defaults{
				Budget: cfg.Scheduler.Budget, MaxBudget: cfg.Limits.MaxBudget, MaxBatch: d.MaxBatch, MaxRows: d.MaxRows, Unproven: bundle.Unproven(d.Unproven),
				UnfairRows: !d.FairRows,
				Tolerance:  agree.Tolerance{Abs: d.Tolerance.Abs, Rel: d.Tolerance.Rel},
			},
			MemoryCeiling: int64(cfg.Limits.Memory),
			Devices:       devices,
			Everywhere:    len(o.OnlyDevices) > 0,
			Trial:         trialRunner(library).Begin,
			Log:           o.Log,
			WarmupBudget:  d.Warmup,
			SkipProof:     o.Blind,
			SkipTest:      o.Blind,
		},
		Dir:           cfg.Models,
		Paths:         o.Paths,
		Only:          o.Only,
		KeepVersions:  d.KeepVersions,
		State:         StateDir(cfg),
		Promote:       models.Promotion(d.Promote),
		KeepPrevious:  d.KeepPrevious,
		Require:       cfg.Require,
		DrainDeadline: cfg.Drain.Deadline,
		CompareLimit:  cfg.Scheduler.HangLimit,
	}
}

// ready says what keeps the server from being ready, nil if nothing does.
func (s *Server) ready() error { return s.registry.Ready() }

// degraded says what the server does without, though it is ready.
func (s *Server) degraded() []string {
	all := append(append(s.fleet.Degraded(), s.registry.Degraded()...), append(s.silentStores(), s.brokenRungs()...)...)
	if s.forgetful != "" {
		all = append(all, s.forgetful)
	}
	if s.roles.Behind() {
		all = append(all, "the roles of versions cannot be followed: the state folder cannot be read, or its newest generation cannot be used")
	}
	return all
}

// Run serves until ctx ends, then stops in order: unready, no new connections, what was
// accepted finishes within the drain deadline, the rest is refused, lanes stop, sessions
// close. ONNX Runtime itself stays: the process ends. announce is called when the first models are loaded.
func (s *Server) Run(ctx context.Context, announce func()) error {
	failed := make(chan error, 4) // the three ports, and that no device can be used
	var serving sync.WaitGroup
	serving.Go(func() { failed <- s.front.Serve(s.ports.predict) })
	if s.admin != nil {
		serving.Go(func() { failed <- s.admin.Serve(s.ports.admin) })
	}
	if s.metricsPort != nil {
		serving.Go(func() { failed <- s.metricsPort.Serve(s.ports.metrics) })
	}
	s.gpus.start(s)
	s.awaitDevices(ctx)
	err := s.registry.Start()
	if err == nil {
		serving.Go(func() { s.awaitModels(ctx, announce, failed) })
		select {
		case <-ctx.Done():
		case err = <-failed:
			s.log.Error("cannot go on", zap.Error(err))
		}
		if s.ready() == nil {
			s.front.BeginDrain()
			s.log.Info("draining", zap.Duration("delay", s.cfg.Drain.Delay), zap.Duration("deadline", s.cfg.Drain.Deadline))
			time.Sleep(s.cfg.Drain.Delay)
		}
	}
	err = errors.Join(err, s.stop())
	s.log.Info("stopped")
	serving.Wait()
	return err
}

// awaitModels says when the first models are loaded, and whether that has made the server ready.
func (s *Server) awaitModels(ctx context.Context, announce func(), failed chan<- error) {
	if s.registry.Wait(ctx) != nil {
		return
	}
	if err := s.fleet.Useless(); err != nil {
		failed <- err
		return
	}
	if err := s.ready(); err != nil {
		s.log.Warn("the first models are loaded and the server is not ready", zap.String("reason", err.Error()))
	}
	s.checkRedactions()
	announce()
}

// Close ends a server that is not Run.
func (s *Server) Close() error { return s.stop() }
