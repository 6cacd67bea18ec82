package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"sluice/backends/onnx"
	"sluice/batcher"
	"sluice/batcher/policy"
	"sluice/config"
	"sluice/gateway"
	httpfront "sluice/gateway/http"
	"sluice/internal/accesslog"
	"sluice/internal/agree"
	"sluice/internal/device"
	"sluice/internal/remedy"
	"sluice/internal/telemetry"
	"sluice/internal/trace/record"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// deviceCPU is the gateway's own processor as a device.
const deviceCPU = "cpu"

// spreadAfter holds a second CPU lane back while the first is about to be free: the lanes
// share their cores with the HTTP work, and an early second lane only makes smaller batches.
const spreadAfter = 500 * time.Microsecond

// batchOverhead is what a batch costs beyond its run: waking the lane, sealing, waking the
// callers. Without it a model whose rows cost the same in any batch would run them singly.
const batchOverhead = 20 * time.Microsecond

// server is the running gateway.
type server struct {
	cfg      *config.Config
	log      *zap.Logger
	metrics  *telemetry.Metrics
	batcher  *batcher.Batcher
	registry *models.Registry
	copies   *bundle.Copies
	gateway  *gateway.Gateway
	front    *httpfront.Server
	admin    *httpfront.Admin
	// metricsPort serves metrics and health alone; nil if there is none.
	metricsPort *httpfront.Admin
	threads     threads
	fleet       *fleet
	gpus        gpuWatch
	recorder    *record.Recorder // nil if nothing is recorded
	access      *accesslog.Log   // nil if there is none
	ceiling     ceiling
	// assembled is closed when all parts are there: workers may be up before.
	assembled chan struct{}

	predictAddr, adminAddr, metricsAddr net.Addr
}

// newServer builds the gateway from its settings; paths are models beside the folder, see chooseModels.
func newServer(ctx context.Context, cfg *config.Config, paths []string, log *zap.Logger) (_ *server, err error) {
	threads := planThreads()
	library, err := loadLibrary(cfg.ONNXRuntime.Library)
	if err != nil {
		return nil, cfg.Fault("onnxruntime.library", err)
	}
	s := &server{cfg: cfg, log: log, metrics: telemetry.New(version), threads: threads, assembled: make(chan struct{})}
	lanes := cpuLanes(cfg.Scheduler.CPULanes, threads.cores)
	if s.fleet, err = newFleet(ctx, cfg, library, lanes, log); err != nil {
		return nil, err
	}
	threads.leaveRoom(lanes)
	log.Info("starting", zap.String("version", version), zap.String("onnxruntime", onnx.Version()), zap.Int("cores", threads.cores), zap.Stringer("memory", cfg.Limits.Memory), zap.Int("cpu_lanes", lanes), zap.Bool("pinned", threads.cpus != nil), zap.Strings("devices", s.fleet.names()))
	s.batcher, err = batcher.Start(batcher.Options{
		Devices:   s.fleet.options(),
		HangLimit: cfg.Scheduler.HangLimit,
		OnLane: func(id policy.DeviceID, lane int) {
			if s.fleet.is(id, device.CPU) {
				threads.lane(lane)
			}
		},
		OnDevice: s.deviceChanged,
	})
	if err != nil {
		return nil, err
	}
	s.watchDevices()
	if err := s.fleet.start(); err != nil {
		return nil, err
	}
	if err := tryState(cfg.State); err != nil {
		// Serving goes on: to forget costs some comparisons, and not to start costs every model.
		log.Warn("the state folder cannot be written: what is learned is forgotten at the end", zap.String("state", cfg.State), zap.String("reason", err.Error()))
	}
	if s.copies, err = openCopies(cfg); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.copies.Close())
		}
	}()
	options := modelOptions(cfg, paths, s.fleet.models(), library, log)
	options.Copies = s.copies
	options.Publish, options.OnPlacement, options.OnParity, options.OnBatching = s.publish, s.placed, s.differs, s.unshare
	if s.registry, err = models.New(options); err != nil {
		return nil, err
	}
	close(s.assembled)
	if err := errors.Join(s.startRecording(), s.startAccessLog()); err != nil {
		return nil, err
	}
	if err := s.openPorts(); err != nil {
		return nil, err
	}
	s.watchMemory()
	return s, nil
}

// modelOptions is how bundles are found and proven, by `serve` and `check` alike.
func modelOptions(cfg *config.Config, paths []string, devices []gates.Device, library string, log *zap.Logger) models.Options {
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
			Trial:         trialRunner(library).Begin,
			Log:           log,
			WarmupBudget:  d.Warmup,
			SkipProof:     blind == "yes",
			SkipTest:      blind == "yes",
		},
		Dir:           cfg.Models,
		Paths:         paths,
		KeepVersions:  d.KeepVersions,
		State:         cfg.State,
		Require:       cfg.Require,
		DrainDeadline: cfg.Drain.Deadline,
		CompareLimit:  cfg.Scheduler.HangLimit,
	}
}

// ready says what keeps the server from being ready, nil if nothing does.
func (s *server) ready() error { return s.registry.Ready() }

// degraded says what the server does without, though it is ready.
func (s *server) degraded() []string {
	return append(s.fleet.degraded(), s.registry.Degraded()...)
}

// run serves until ctx ends, then stops in order: unready, no new connections, what was
// accepted finishes within the drain deadline, the rest is refused, lanes stop, sessions
// close. ONNX Runtime itself stays: the process ends.
func (s *server) run(ctx context.Context, announce func(*server)) error {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // with it the last connections could not be told from newer ones, see gateway/http/backlog_linux.go
	predict, err := plain.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot open the predict port: %w", remedy.Listen(err, s.cfg.Listen, "listen"))
	}
	s.predictAddr = predict.Addr()
	failed := make(chan error, 4) // the three ports, and that no device can be used
	go func() { failed <- s.front.Serve(predict) }()
	if s.adminAddr, err = openAdmin(s.admin, s.cfg.Admin, "the admin port", "admin", failed); err == nil {
		s.metricsAddr, err = openAdmin(s.metricsPort, s.cfg.MetricsListen, "the port for metrics", "metrics_listen", failed)
	}
	if err != nil {
		return errors.Join(err, s.stop())
	}
	s.gpus.start(s)
	s.awaitDevices(ctx)
	if err := s.registry.Start(); err != nil {
		return errors.Join(err, s.stop())
	}
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		if s.registry.Wait(ctx) != nil {
			return
		}
		if err := s.fleet.useless(); err != nil {
			failed <- err
			return
		}
		if err := s.ready(); err != nil {
			s.log.Warn("the first models are loaded and the server is not ready", zap.String("reason", err.Error()))
		}
		announce(s)
	}()
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
	err = errors.Join(err, s.stop())
	<-loaded
	return err
}

// stop ends everything that runs, in the order that loses no accepted request.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Drain.Deadline)
	defer cancel()
	var faults []error
	if err := s.front.Shutdown(ctx); err != nil {
		s.log.Warn("the drain deadline has passed; refusing what still waits", zap.Error(err))
	}
	if err := s.batcher.Drain(ctx); err != nil {
		faults = append(faults, fmt.Errorf("some requests were refused at the drain deadline: %w", err))
	}
	if err := s.front.Close(); err != nil {
		s.log.Warn("connections were cut", zap.Error(err))
	}
	s.stopRecording()
	s.stopAccessLog()
	s.batcher.Close()
	last, cancelLast := context.WithTimeout(context.Background(), time.Second)
	defer cancelLast()
	if err := s.registry.Close(last); err != nil {
		s.log.Warn("sessions were left open", zap.Error(err))
	}
	if err := s.fleet.close(last); err != nil {
		s.log.Warn("workers were left behind", zap.Error(err))
	}
	if err := s.copies.Close(); err != nil {
		s.log.Warn("private copies of the models' files were left behind", zap.Error(err))
	}
	s.gpus.stop()
	s.ceiling.stop()
	for _, port := range []*httpfront.Admin{s.admin, s.metricsPort} {
		if port != nil {
			faults = append(faults, port.Shutdown(last))
		}
	}
	s.log.Info("stopped")
	return errors.Join(faults...)
}
