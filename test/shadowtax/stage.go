package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"sluice/internal/ask"
	"sluice/internal/traffic"
	"sluice/loadtest/engine"
	"sluice/loadtest/load"
	"sluice/loadtest/payload"
	"sluice/loadtest/verify"
	"sluice/shadow"
	"sluice/test/rig"
)

const model = "ranker"

// stage is a gateway with a live version on the CPU and another, on the fake device, that may be its shadow.
type stage struct {
	*rig.Gateway
	plan
	port     *ask.Admin
	orders   string // the file of what the fake device does wrong
	addr     netip.AddrPort
	payloads *payload.Set
	expected *verify.Expected
	runs     uint64
	capacity float64
}

// cost is what batches take on the fake device: about what they take on a core.
const cost = "1:100us,32:400us,256:3ms"

func newStage(p plan, dir string) (s *stage, err error) {
	s = &stage{plan: p, orders: filepath.Join(dir, "orders")}
	for version, device := range map[string]string{"1": "cpu", "2": "fake"} {
		if err := s.copyVersion(filepath.Join(dir, "models", model, version), device); err != nil {
			return nil, err
		}
	}
	settings := fmt.Sprintf(`models: %s
state: %s
model_defaults: {promote: manual}
shadow: {sample: %g, devices: [cpu, fake], memory: 512MiB, timeout: 2s, tax: {measure: false}}
devices:
  - name: cpu
  - name: fake
    fake: {cost: "%s", orders: %s}
`, filepath.Join(dir, "models"), filepath.Join(dir, "state"), p.sample, cost, s.orders)
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	if s.Gateway, err = rig.Start(rig.Options{Binary: p.binary, Args: []string{"--config", file}}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.End()
			err = fmt.Errorf("%w\n%s", err, s.Log())
		}
	}()
	if s.port, err = ask.AdminAt(s.Admin, ""); err != nil {
		return nil, err
	}
	if s.addr, err = netip.ParseAddrPort(s.Predict); err != nil {
		return nil, err
	}
	if err = s.change("promote", map[string]any{"version": "1"}); err != nil {
		return nil, err
	}
	if err = s.prepare(); err == nil && s.rate == 0 {
		err = s.measureCapacity()
	}
	return s, err
}

// copyVersion makes a version of the example's files for one device.
func (s *stage) copyVersion(to, device string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	graph, err := os.ReadFile(filepath.Join(s.models, model, "1", "model.onnx"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "model.onnx"), graph, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "model.yaml"), fmt.Appendf(nil, "max_batch: 256\ndevices: [%s]\n", device), 0o600)
}

// prepare makes the requests and learns their answers.
func (s *stage) prepare() error {
	ctx := context.Background()
	m, err := payload.Discover(ctx, s.Predict, model, "")
	if err != nil {
		return err
	}
	key, rows, err := payload.ParseDim(fmt.Sprintf("batch=%d", s.rows))
	if err != nil {
		return err
	}
	if s.payloads, err = payload.Build(m, payload.Options{Protocol: payload.Binary, Dims: map[string]payload.Dim{key: rows}, Variants: 64, Seed: s.seed}); err != nil {
		return err
	}
	s.expected, err = verify.Record(ctx, s.payloads, verify.Options{})
	return err
}

// change asks the admin port for a change of the model's roles.
func (s *stage) change(what string, body any) error {
	return s.port.Change(context.Background(), "/v2/repository/models/"+model+"/"+what, body, fmt.Sprint(what, time.Now().UnixNano()), nil)
}

func (s *stage) pause(yes bool) error {
	return s.port.Change(context.Background(), "/v2/shadow/pause", map[string]bool{"paused": yes}, "", nil)
}

// shadows are the comparisons under way.
func (s *stage) shadows() (all []shadow.Report, err error) {
	var reports []struct{ Shadow shadow.Report }
	err = s.port.Get(context.Background(), "/v2/models/"+model+"/shadow", &reports)
	for _, r := range reports {
		all = append(all, r.Shadow)
	}
	return all, err
}

const (
	capacityClients = 32
	capacityLength  = 4 * time.Second
	connections     = 256
	patience        = 10 * time.Second
)

// measureCapacity sets the rate to half of what a closed loop gets.
func (s *stage) measureCapacity() error {
	e, err := engine.New(engine.Options{
		Targets: []engine.Target{{Addr: s.addr, Payloads: s.payloads.Payloads}}, Closed: &engine.Closed{Workers: capacityClients, Length: capacityLength},
		NoSpin: true, Connections: connections, Timeout: patience,
	})
	if err != nil {
		return err
	}
	if err := e.Run(context.Background()); err != nil {
		return err
	}
	n := 0
	for _, x := range e.Samples() {
		if x.Right() && x.Last >= capacityLength/4 && x.Last < capacityLength {
			n++
		}
	}
	s.capacity = float64(n) / (capacityLength * 3 / 4).Seconds()
	if s.rate = math.Round(s.capacity / 2); s.rate == 0 {
		return fmt.Errorf("a closed loop of %d clients got no right answer", capacityClients)
	}
	return nil
}

// traffic is an engine with a plan of requests, and what compares their answers.
func (s *stage) traffic(length time.Duration) (*engine.Engine, *verify.Checker, error) {
	l, err := traffic.Parse(fmt.Sprintf("poisson:%g", s.rate))
	if err != nil {
		return nil, nil, err
	}
	s.runs++
	schedule, err := load.Draw(l, load.Options{Seed: s.seed<<32 + s.runs, Length: length, Variants: len(s.payloads.Payloads)})
	if err != nil {
		return nil, nil, err
	}
	c := verify.New(s.expected, s.payloads, verify.Options{})
	e, err := engine.New(engine.Options{
		Targets: []engine.Target{{Addr: s.addr, Payloads: s.payloads.Payloads, Checker: c}}, Arrivals: schedule.Arrivals,
		NoSpin: true, Connections: connections, Timeout: patience, Identity: uint32(s.runs),
	})
	return e, c, err
}
