package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sluice/backends/nvml"
	"sluice/compare/devices"
	"sluice/compare/price"
	"sluice/config"
	"sluice/internal/device"
	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/search"
	"sluice/loadtest/started"
	"sluice/serve"
)

// compareTarget is the name of the command that a comparison starts as its target.
const compareTarget = "target"

// compareTargetCommand is a gateway with one model on one device that leaves no trace: for a comparison alone.
func compareTargetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: compareTarget + " DEVICE MODEL", Short: "Serve a model on one device for a comparison", Hidden: true, Args: exactArgs("DEVICE", "MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := serverSettings(cmd.Flags())
			if err != nil {
				return err
			}
			paths, err := chooseModels(cfg, args[1:])
			if err != nil {
				return err
			}
			// What its settings have for the gateway in service is not for this one.
			plain := config.Default()
			cfg.Admin, cfg.AdminInsecure, cfg.AdminTokenFile, cfg.AdminTokensFile, cfg.MetricsListen = "", false, "", "", ""
			cfg.AccessLog, cfg.Record, cfg.PredictionLog, cfg.Drain = plain.AccessLog, plain.Record, plain.PredictionLog, config.Drain{Deadline: time.Second}
			cfg.State, cfg.Require, cfg.BasePath = serve.NoState, nil, ""
			return runServer(cmd.Context(), serve.Options{Config: cfg, Paths: paths, OnlyDevices: args[:1]})
		},
	}
	settingFlags(cmd)
	return cmd
}

// measure puts a device under load: a search for the highest rate at the objective, and then a run at what a replica
// would be planned for, over which its energy is taken.
func (d *deviceOptions) measure(cmd *cobra.Command, on *devices.Device, path string) error {
	address, err := unusedAddress(cmd.Context())
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := append([]string{self, compareTarget, on.Name, path, "--listen=" + address}, passedOn(cmd)...)
	meter := openMeter(on.Name)
	defer meter.close()
	meter.rest()
	err = started.With(cmd.Context(), argv, address, func(ctx context.Context, pid int) error {
		o := loadtest.Options{
			Target: loadtest.Target{URL: address, PID: pid, Metrics: "none", Payload: payload.Options{Protocol: payload.Binary, Dims: d.dims()}},
			Seed:   1, Unverified: true, Tool: version,
		}
		if err := d.search(ctx, o, on); err != nil || on.Load.RowsPerSecond == 0 || on.Load.From == devices.Table {
			return err
		}
		return d.planned(ctx, o, on, meter)
	})
	if err != nil {
		return loadtestError(cmd.Context(), fmt.Errorf("%s under load: %w", on.Name, err))
	}
	if on.Energy == nil {
		on.Unmeasured = cmp.Or(meter.why, "the driver has no counter of energy")
	}
	return nil
}

// dims makes each request of so many rows. A model that cannot batch is asked as it is.
func (d *deviceOptions) dims() map[string]payload.Dim {
	if d.rows == 1 {
		return nil
	}
	key, dim, err := payload.ParseDim(fmt.Sprintf("batch=%d", d.rows))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return map[string]payload.Dim{key: dim}
}

// unusedAddress is one on this machine that nobody listens at.
func unusedAddress(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// passedOn are the settings of the command line, for the target.
func passedOn(cmd *cobra.Command) (args []string) {
	settings := []string{"config"}
	for _, o := range config.Options() {
		settings = append(settings, o.Flag)
	}
	for _, name := range settings {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed || name == "models" {
			continue
		}
		if _, own := f.Value.(*settingValue); own {
			args = append(args, "--"+name+"="+f.Value.String())
		}
	}
	return args
}

// The grid of the search begins at a part of what the cost table promises, which HTTP seldom reaches with a small model.
const (
	lowPart = 0.6
	lowMost = 1000.0
	// precision is how near the highest rate that holds and the lowest that fails are brought.
	precision = 0.05
	// mostRuns bounds the search, where runs do not tell enough.
	mostRuns = 24
)

// search looks for the highest rate at the objective.
func (d *deviceOptions) search(ctx context.Context, o loadtest.Options, on *devices.Device) error {
	// At a rate that is too high by a part, a queue grows by that part of the time: it must be much longer than the
	// latency that is allowed, however short the time is.
	probe, confirm := max(d.length(0.05), 4*d.objective.Limit), max(d.length(0.15), 20*d.objective.Limit)
	limited, cancel := context.WithTimeout(ctx, time.Duration(d.seconds)*time.Second+16*probe+2*confirm)
	defer cancel()
	rows := float64(d.rows)
	table := on.Highest(d.objective.Limit) / rows
	c := loadtest.CapacityOptions{
		Options: o, Warmup: max(d.length(0.01), d.objective.Limit), NoRecovery: true,
		Search: search.Options{
			Objective: d.objective, Low: max(min(lowPart*table, lowMost), 1), Precision: precision,
			ProbeLength: probe, ConfirmLength: confirm, Confirmations: 1, MaxRuns: mostRuns,
		},
	}
	r, _, err := loadtest.Capacity(limited, c)
	if err != nil {
		return err
	}
	if on.Load = found(r.Capacity, rows); on.Load.RowsPerSecond == 0 && !r.Validity.Valid {
		on.Load = devices.Load{RowsPerSecond: on.Highest(d.objective.Limit), From: devices.Table, Why: r.Validity.Reasons[0]}
	}
	return nil
}

// found is what a search has found, in rows/s. Where its time was up before a rate was confirmed it is the highest that passed,
// below all that failed.
func found(c *result.Capacity, rows float64) devices.Load {
	l := devices.Load{
		RowsPerSecond: rows * c.Capacity, Low: rows * c.Lo, High: rows * c.Hi, AtLeast: c.AtLeast || c.Capacity > 0 && c.Limit == search.LimitGenerator,
		From: devices.Measured, Limit: c.Limit, Why: c.Why,
	}
	failed := math.Inf(1)
	for _, p := range c.Probes {
		if p.Outcome == "fail" {
			failed = min(failed, rows*p.Rate)
		}
	}
	for _, p := range c.Probes {
		if p.N == 0 {
			continue
		}
		point := devices.Point{RowsPerSecond: rows * p.Rate, P50: p.P50, P99: p.P99, Outcome: p.Outcome}
		l.Points = append(l.Points, point)
		if c.Capacity == 0 && p.Outcome == "pass" && point.RowsPerSecond < failed {
			l.RowsPerSecond, l.Unconfirmed = max(l.RowsPerSecond, point.RowsPerSecond), true
		}
	}
	slices.SortStableFunc(l.Points, func(a, b devices.Point) int { return cmp.Compare(a.RowsPerSecond, b.RowsPerSecond) })
	return l
}

// planned is a run at the rate that a replica is planned for.
func (d *deviceOptions) planned(ctx context.Context, o loadtest.Options, on *devices.Device, meter *meter) error {
	rate := price.DefaultFleet().Headroom * on.Load.RowsPerSecond / float64(d.rows)
	meter.start()
	r, _, err := loadtest.Run(ctx, loadtest.RunOptions{Options: o, Load: fmt.Sprintf("poisson:%g", rate), Length: d.length(0.2)})
	if err != nil {
		return err
	}
	on.Energy = meter.stop(r.Ledger.OK * int64(d.rows))
	p50, _ := r.Every.At(0.5)
	p99, held := r.Every.At(0.99)
	point := devices.Point{RowsPerSecond: rate * float64(d.rows), P50: p50.Ms, P99: p99.Ms, Outcome: "planned"}
	if held {
		on.Load.Planned = &point
	}
	return nil
}

// meter reads the energy of the GPU that a device is on.
type meter struct {
	monitor *nvml.Monitor
	gpu     int
	why     string // there is none
	idle    nvml.Reading
	from    nvml.Reading
	began   time.Time
}

// meterPeriod is how often the driver is asked.
const meterPeriod = 100 * time.Millisecond

// openMeter finds the GPU of a device. Without one, or without its driver, it measures nothing.
func openMeter(name string) *meter {
	var n device.Name
	if err := n.UnmarshalText([]byte(name)); err != nil || n.Kind != device.CUDA && n.Kind != device.TensorRT {
		return &meter{why: fmt.Sprintf("NVML knows nothing of %s", name)}
	}
	m := &meter{gpu: n.Index}
	var err error
	if m.monitor, err = nvml.Open(nvml.Options{Period: meterPeriod}); err != nil {
		m.why = err.Error()
	}
	return m
}

func (m *meter) close() {
	if m.monitor != nil {
		_ = m.monitor.Close() // what was read stands
	}
}

// readings are the last ones of the GPU.
func (m *meter) readings() (power, energy nvml.Reading) {
	if m.monitor == nil {
		return power, energy
	}
	if gpus := m.monitor.Sample().GPUs; m.gpu < len(gpus) {
		return gpus[m.gpu].Power, gpus[m.gpu].Energy
	}
	return power, energy
}

// restFor is how long a GPU that nothing runs on is looked at.
const restFor = 2 * time.Second

// rest takes what the GPU needs while nothing runs on it.
func (m *meter) rest() {
	if m.monitor == nil {
		return
	}
	_, from := m.readings()
	time.Sleep(restFor)
	power, to := m.readings()
	if m.idle = power; from.Known && to.Known {
		m.idle = nvml.Reading{Value: (to.Value - from.Value) / restFor.Seconds(), Known: true}
	}
}

func (m *meter) start() {
	m.began = time.Now()
	_, m.from = m.readings()
}

// stop is what so many rows took since the start, nil if nobody knows.
func (m *meter) stop(rows int64) *devices.Energy {
	_, to := m.readings()
	if !m.from.Known || !to.Known || rows == 0 || math.IsNaN(to.Value) {
		return nil
	}
	return devices.NewEnergy(to.Value-m.from.Value, m.idle.Value, time.Since(m.began), rows)
}
