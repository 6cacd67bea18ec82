package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/internal/memory"
	"sluice/internal/telemetry"
	"sluice/models/gates"
)

// Fit makes the settings fit into the memory that there is.
func Fit(cfg *config.Config) error {
	ceiling, err := memory.Limit()
	if err != nil {
		ceiling = memory.Ceiling{Bytes: math.MaxInt64, Source: "the system does not tell"}
		if cfg.Limits.Memory > 0 {
			ceiling.Bytes = int64(cfg.Limits.Memory)
		}
	}
	return cfg.Fit(config.Bytes(ceiling.Bytes), ceiling.Source)
}

// ceiling keeps the server below its memory ceiling.
type ceiling struct {
	governor *memory.Governor
	quit     chan struct{}
	running  sync.WaitGroup
	stopping sync.Once

	pss struct {
		sync.Mutex
		bytes int64
		read  time.Time
	}
	short struct { // said once, until it is over
		sync.Mutex
		said bool
	}
}

// goOverhead is how much more than what is in use Go needs, in tenths.
const goOverhead = 13

// watchMemory starts to keep the memory below the ceiling.
func (s *Server) watchMemory() {
	c := &s.ceiling
	c.quit = make(chan struct{})
	c.governor = memory.NewGovernor(int64(s.cfg.Limits.Memory), os.Getenv("GOMEMLIMIT") != "", s.shareMemory)
	c.governor.Adjust()
	c.running.Go(func() { c.governor.Run(c.quit) })
	s.metrics.WatchMemory(func() telemetry.Memory {
		m := telemetry.Memory{Ceiling: c.governor.Ceiling(), GoLimit: c.governor.GoLimit(), PSS: c.treeBytes()}
		for _, h := range s.gateway.Held() {
			m.Held = append(m.Held, telemetry.Held(h))
		}
		return m
	})
}

// shareMemory gives requests what Go's limit leaves beside what else it has in use.
func (s *Server) shareMemory(goLimit, live int64) {
	held := int64(0)
	for _, h := range s.gateway.Held() {
		held += h.Bytes
	}
	room := goLimit/goOverhead*10 - max(live-held, 0)
	s.gateway.SetRoom(room)
	c := &s.ceiling
	wanted := int64(s.cfg.Limits.MaxBodiesBytes + s.cfg.Limits.MaxInputsBytes + s.cfg.Limits.MaxAnswersBytes)
	c.short.Lock()
	defer c.short.Unlock()
	switch {
	case room < wanted/2 && !c.short.said:
		c.short.said = true
		s.log.Warn("requests have less memory than their limits allow them",
			zap.Int64("ceiling_bytes", c.governor.Ceiling()), zap.Int64("left_bytes", max(room, 0)), zap.Int64("limits_bytes", wanted))
	case room >= wanted:
		c.short.said = false
	}
}

// loaded says that a version was loaded or unloaded.
func (c *ceiling) loaded() {
	if c.governor != nil {
		c.governor.Loaded()
	}
}

// pssEvery bounds how often the tree is looked at: the kernel walks all its pages.
const pssEvery = 10 * time.Second

// treeBytes is the proportional set size of the server and its children, not older than pssEvery.
func (c *ceiling) treeBytes() int64 {
	c.pss.Lock()
	defer c.pss.Unlock()
	if time.Since(c.pss.read) >= pssEvery {
		c.pss.bytes, _ = memory.PSS(os.Getpid())
		c.pss.read = time.Now()
	}
	return c.pss.bytes
}

func (c *ceiling) stop() {
	c.stopping.Do(func() {
		if c.quit != nil {
			close(c.quit)
			c.running.Wait()
		}
	})
}

// What a server takes besides its models, in memory that belongs to no file (measured 2026-11-30: 41 MiB
// with four small models, 30 MiB for a trial of one of them).
const (
	serverMemory = 48 << 20
	childMemory  = 32 << 20 // a worker, or a trial
	// A prediction log: its queue when it is full, and a conversion (measured 2026-12-01: 28 MiB).
	predictionLogMemory = 64 << 20
)

// MemoryNeed is how much memory a server with some settings and models needs, and where.
type MemoryNeed struct {
	models  int64 // all sessions, of versions that a server loads
	largest int64 // of them
	label   string
	workers int64
	cfg     *config.Config
}

// needed adds up what was measured of the models that are served.
func needed(cfg *config.Config, reports []*gates.Report, workers int) *MemoryNeed {
	n := &MemoryNeed{cfg: cfg, workers: int64(workers) * childMemory}
	for _, r := range reports {
		if r.Refusal() != nil || r.NotLoaded != "" {
			continue
		}
		sessions := int64(0)
		for i := range r.Devices {
			sessions += r.Devices[i].Memory
		}
		if n.models += sessions; sessions > n.largest {
			n.largest, n.label = sessions, r.Name+"/"+r.Version
		}
	}
	return n
}

// loading is what a load of the largest model takes on top: the new version beside the old one, and
// one more in its trial.
func (n *MemoryNeed) loading() int64 { return childMemory + 2*n.largest }

// requests is what requests may hold, with what Go's collector needs beside it.
func (n *MemoryNeed) requests() int64 { return int64(n.cfg.Budgeted()) / 10 * goOverhead }

// server is what it takes besides models and requests.
func (n *MemoryNeed) server() int64 {
	if n.cfg.PredictionLog.Dir != "" {
		return serverMemory + predictionLogMemory
	}
	return serverMemory
}

func (n *MemoryNeed) total() int64 {
	return n.server() + n.workers + n.models + n.loading() + n.requests()
}

// ceiling is how much memory there may be, and where that is from.
func (n *MemoryNeed) ceiling() (bytes int64, source string) {
	if !n.cfg.IsSet("limits.memory") {
		if c, err := memory.Limit(); err == nil {
			return int64(n.cfg.Limits.Memory), c.Source
		}
	}
	return int64(n.cfg.Limits.Memory), "limits.memory"
}

// usable is the ceiling less what is left to the kernel.
func (n *MemoryNeed) usable() int64 {
	c, _ := n.ceiling()
	return c - c/10
}

// MemoryLine is the last line of a check for programs.
type MemoryLine struct {
	Memory struct {
		Ceiling  int64  `json:"ceiling_bytes"`
		Source   string `json:"ceiling_source"`
		Server   int64  `json:"server_bytes"`
		Workers  int64  `json:"workers_bytes"`
		Models   int64  `json:"models_bytes"`
		Loading  int64  `json:"loading_bytes"`
		Largest  string `json:"largest,omitempty"`
		Requests int64  `json:"requests_bytes"`
		Needed   int64  `json:"needed_bytes"`
		Usable   int64  `json:"usable_bytes"`
		Fits     bool   `json:"fits"`
	} `json:"memory"`
}

// WriteJSON tells the same for programs.
func (n *MemoryNeed) WriteJSON(w io.Writer) error {
	var line MemoryLine
	m := &line.Memory
	m.Ceiling, m.Source = n.ceiling()
	m.Server, m.Workers, m.Models, m.Loading, m.Largest = n.server(), n.workers, n.models, n.loading(), n.label
	m.Requests, m.Needed, m.Usable = n.requests(), n.total(), n.usable()
	m.Fits = m.Needed <= m.Usable
	return json.NewEncoder(w).Encode(&line)
}

// WriteText tells the parts, and whether they fit.
func (n *MemoryNeed) WriteText(w io.Writer) {
	ceiling, source := n.ceiling()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(w, "memory")
	line("ceiling", "%s (%s), of which a tenth is left to the kernel", mebibytes(ceiling), source)
	if n.workers > 0 {
		line("server", "about %s, and %s for its workers", mebibytes(n.server()), mebibytes(n.workers))
	} else {
		line("server", "about %s", mebibytes(n.server()))
	}
	if n.largest > 0 {
		line("models", "about %s, and %s while the largest (%s) is loaded anew", mebibytes(n.models), mebibytes(n.loading()), n.label)
	}
	var parts []string
	for _, b := range n.cfg.Budgets() {
		parts = append(parts, b.Path+" "+mebibytes(int64(b.Bytes)))
	}
	line("requests", "at most %s, three tenths for the collector included: %s", mebibytes(n.requests()), strings.Join(parts, ", "))
	usable := n.usable()
	if n.total() <= usable {
		line("needed", "about %s of %s: it fits", mebibytes(n.total()), mebibytes(usable))
		return
	}
	line("needed", "about %s, and there are %s: it does NOT FIT; requests get what the models leave. Let the server have %s more, or lower the limits", mebibytes(n.total()), mebibytes(usable), mebibytes(n.total()-usable))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/mebibyte) }

const mebibyte = 1 << 20
