package serve

import (
	"cmp"
	"context"
	"fmt"
	"net"

	"go.uber.org/zap"

	"sluice/backends/onnx"
	"sluice/batcher"
	"sluice/batcher/policy"
	"sluice/internal/remedy"
	"sluice/models"
)

// step is one step of a start. Server.stop closes what it has opened, wherever a start fails.
type step struct {
	name string
	do   func(*Server, context.Context) error
}

// steps are those of every start, in order.
var steps = []step{
	{"memory", func(s *Server, _ context.Context) error { return Fit(s.cfg) }},
	{"library", (*Server).loadLibrary},
	{"devices", (*Server).openFleet},
	{"feature stores", func(s *Server, _ context.Context) error { return s.openFeatures() }},
	{"usual shares", func(s *Server, _ context.Context) error {
		s.usual = openUsualShares(StateDir(s.cfg), s.log)
		return nil
	}},
	{"copies", (*Server).openCopies},
	{"roles", (*Server).openRoles},
	{"models", (*Server).openRegistry},
	{"scheduler", (*Server).startScheduler},
	{"webhooks", func(s *Server, _ context.Context) error { return s.startWebhooks() }},
	{"workers", func(s *Server, _ context.Context) error { return s.fleet.Start(s.batcher) }},
	{"recording", func(s *Server, _ context.Context) error { return s.startRecording() }},
	{"prediction log", func(s *Server, _ context.Context) error { return s.startPredictionLog() }},
	{"access log", func(s *Server, _ context.Context) error { return s.startAccessLog() }},
	{"shadow", func(s *Server, _ context.Context) error { s.startShadow(s.shadowOptions()); return nil }},
	{"plans", (*Server).startPlans},
	{"servers", func(s *Server, _ context.Context) error { return s.makePorts() }},
	{"ceiling", func(s *Server, _ context.Context) error { s.watchMemory(); return nil }},
	{"predict port", (*Server).listenPredict},
	{"admin port", func(s *Server, ctx context.Context) (err error) {
		s.ports.admin, err = listenAdmin(ctx, s.admin != nil, s.cfg.Admin, "the admin port", "admin")
		return err
	}},
	{"metrics port", func(s *Server, ctx context.Context) (err error) {
		s.ports.metrics, err = listenAdmin(ctx, s.metricsPort != nil, s.cfg.MetricsListen, "the port for metrics", "metrics_listen")
		return err
	}},
}

func (s *Server) loadLibrary(context.Context) (err error) {
	s.threads = planThreads()
	if s.library, err = LoadLibrary(s.cfg.ONNXRuntime.Library); err != nil {
		return s.cfg.Fault("onnxruntime.library", err)
	}
	s.lanes = cmp.Or(s.cfg.Scheduler.CPULanes, s.threads.cores)
	return nil
}

func (s *Server) openFleet(ctx context.Context) (err error) {
	if s.fleet, err = newFleet(ctx, s.cfg, s.library, s.lanes, s.log); err != nil {
		return err
	}
	s.threads.leaveRoom(s.lanes)
	s.log.Info("starting", zap.String("version", s.o.Version), zap.String("onnxruntime", onnx.Version()), zap.Int("cores", s.threads.cores), zap.Stringer("memory", s.cfg.Limits.Memory), zap.Int("cpu_lanes", s.lanes), zap.Bool("pinned", s.threads.cpus != nil), zap.Strings("devices", s.fleet.Names()))
	return nil
}

func (s *Server) openCopies(context.Context) (err error) {
	s.copies, err = openCopies(s.cfg)
	return err
}

// openRegistry makes the registry, which loads nothing yet.
func (s *Server) openRegistry(context.Context) (err error) {
	options := modelOptions(&s.o, modelDevices(s.fleet), s.library)
	options.Copies, options.Roles = s.copies, s.roles
	options.Publish, options.OnPlacement, options.OnParity, options.OnBatching, options.OnLive = s.publish, s.placed, s.differs, s.unshare, succeed
	s.registry, err = models.New(options)
	return err
}

func (s *Server) startScheduler(context.Context) (err error) {
	devices, priced := s.fleet.Devices(), schedulerDevices(s.fleet, s.cfg.Scheduler.FallbackShare)
	if err := priceDevices(s.cfg, priced); err != nil {
		return err
	}
	s.batcher, err = batcher.Start(batcher.Options{
		Devices:   priced,
		Scheduler: policy.SchedulerOptions{Answer: answerTime},
		HangLimit: s.cfg.Scheduler.HangLimit,
		OnLane: func(id policy.DeviceID, lane int) {
			if devices[id].OnCPU() {
				s.threads.lane(lane)
			}
		},
		OnDevice: s.deviceChanged,
	})
	if err == nil {
		s.watchDevices()
	}
	return err
}

func (s *Server) listenPredict(ctx context.Context) (err error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // with it the last connections could not be told from newer ones, see gateway/http/loop/kernel_linux.go
	if s.o.Listener != nil {
		s.ports.predict = s.o.Listener
		return nil
	}
	if s.ports.predict, err = plain.Listen(ctx, "tcp", s.cfg.Listen); err != nil {
		return fmt.Errorf("cannot open the predict port: %w", remedy.Listen(err, s.cfg.Listen, "listen"))
	}
	return nil
}

// listenAdmin opens one of the ports that are not for predictions, if there is to be one.
func listenAdmin(ctx context.Context, wanted bool, address, what, setting string) (net.Listener, error) {
	if !wanted {
		return nil, nil
	}
	var plain net.ListenConfig
	ln, err := plain.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", what, remedy.Listen(err, address, setting))
	}
	return ln, nil
}
