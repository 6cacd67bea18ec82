package serve

import (
	"math"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/internal/memory"
	"sluice/internal/telemetry"
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
