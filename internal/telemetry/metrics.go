package telemetry

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics owns the registry and hands out the handles.
type Metrics struct {
	// HTTP is the handle of the predict port.
	HTTP HTTP

	registry      *prometheus.Registry
	version       string
	started       time.Time
	gpus          atomic.Pointer[func() GPUSample]
	deviceStates  atomic.Pointer[func() []DeviceState]
	recording     atomic.Pointer[func() Recording]
	versions      atomic.Pointer[func() Versions]
	webhooks      atomic.Pointer[func() Webhooks]
	predictionLog atomic.Pointer[func() PredictionLog]
	accessLog     atomic.Pointer[func() AccessLog]
	shadows       atomic.Pointer[func() []Shadow]
	logDropped    atomic.Pointer[func() uint64]
	memory        atomic.Pointer[func() Memory]
	features      atomic.Pointer[func() Features]

	mu struct {
		sync.Mutex
		models []*Model
	}
}

// New makes an empty set of metrics; version is the server's own.
func New(version string) *Metrics {
	m := &Metrics{
		HTTP:     HTTP{cells: newCells(statusCells + faultKinds)},
		registry: prometheus.NewRegistry(),
		version:  version,
		started:  time.Now(),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{m},
	)
	return m
}

// NewModel makes the handle of a model version whose batches have at most maxRows
// rows. Its series start at zero and replace those of an earlier handle of the same
// name and version.
func (m *Metrics) NewModel(name, version string, maxRows int) *Model {
	model := &Model{name: name, version: version, maxRows: maxRows, cells: newCells(modelCells)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.models = slices.DeleteFunc(m.mu.models, func(old *Model) bool { return old.name == name && old.version == version })
	m.mu.models = append(m.mu.models, model)
	return model
}

// Retire removes a model version's series. The handle stays safe to use.
func (m *Metrics) Retire(model *Model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.models = slices.DeleteFunc(m.mu.models, func(known *Model) bool { return known == model })
}

func (m *Metrics) models() []*Model {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mu.models)
}

// SetLoadDuration notes how long the version took from discovery to ready.
func (m *Model) SetLoadDuration(d time.Duration) { m.loadSeconds.Store(math.Float64bits(d.Seconds())) }
