package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Memory is what the process tree takes of its ceiling.
type Memory struct {
	Ceiling, GoLimit int64
	// PSS is the proportional set size of the tree; 0 if the system does not tell.
	PSS  int64
	Held []Held
}

// Held is what requests hold at one of their stages, together, and the most that they may.
type Held struct {
	Stage       string
	Bytes, Most int64
}

// WatchMemory names the function that a scrape asks for the memory; it must not block.
func (m *Metrics) WatchMemory(state func() Memory) { m.memory.Store(&state) }

var (
	descMemoryCeiling = describe("sluice_memory_ceiling_bytes", "The most memory that the server, its workers and its models may take together.")
	descMemoryGoLimit = describe("sluice_memory_go_limit_bytes", "The memory limit of the Go runtime: what sessions, workers and trials leave of the ceiling.")
	descMemoryPSS     = describe("sluice_memory_pss_bytes", "The proportional set size of the server and its children.")
	descMemoryHeld    = describe("sluice_memory_held_bytes", "What requests hold together, by stage: bodies, inputs, answers.", "stage")
	descMemoryMost    = describe("sluice_memory_held_limit_bytes", "The most that requests may hold together, by stage.", "stage")
)

func (m *Metrics) collectMemory(ch chan<- prometheus.Metric) {
	state := m.memory.Load()
	if state == nil {
		return
	}
	r := (*state)()
	gauge(ch, descMemoryCeiling, float64(r.Ceiling))
	gauge(ch, descMemoryGoLimit, float64(r.GoLimit))
	if r.PSS > 0 {
		gauge(ch, descMemoryPSS, float64(r.PSS))
	}
	for _, h := range r.Held {
		gauge(ch, descMemoryHeld, float64(h.Bytes), h.Stage)
		gauge(ch, descMemoryMost, float64(h.Most), h.Stage)
	}
}
