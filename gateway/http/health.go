package httpfront

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
	"sluice/internal/oip"
)

// answerJSON sends a document of the cold path.
func answerJSON(ctx *fasthttp.RequestCtx, document any) error {
	body, err := oip.AppendJSON(ctx.Response.SwapBody(nil)[:0], document)
	ctx.Response.Header.SetContentTypeBytes(wire.TypeJSON)
	ctx.Response.SwapBody(body)
	return err
}

// alive answers V1 clients that ask the root for life.
func (s *Server) alive(c *call) error {
	return answerJSON(c.ctx, struct {
		Status string `json:"status"`
	}{"alive"})
}

// live is true as long as the process answers; it depends on no model and no device.
func (s *Server) live(c *call) error { return answerJSON(c.ctx, oip.Live{Live: true}) }

// ready says whether requests should be sent here.
func (s *Server) ready(c *call) error {
	if err := s.Readiness(); err != nil {
		return err
	}
	return answerJSON(c.ctx, oip.Ready{Live: true, Ready: true, Degraded: s.Degraded()})
}

// Degraded tells what the server does without while it is ready (Options.Degraded).
func (s *Server) Degraded() []string { return s.opt.Degraded() }

// Readiness is nil if the server is ready: it is not draining, and Options.Ready says so.
func (s *Server) Readiness() error {
	if s.draining.Load() {
		return fault.New(fault.Draining, "the server is shutting down")
	}
	if err := s.opt.Ready(); err != nil {
		return fault.Newf(fault.ModelNotReady, "the server is not ready: %v", err)
	}
	return nil
}

// firstLoads is the default of Options.Ready: no model is on its way to its first version.
func firstLoads(models gateway.Models) error {
	states := models.List()
	for i := range states {
		if states[i].State == oip.StateLoading && !anyReady(states, states[i].Name) {
			return fmt.Errorf("model '%s' is loading", states[i].Name)
		}
	}
	return nil
}

func anyReady(states []gateway.ModelStatus, name string) bool {
	for i := range states {
		if states[i].Name == name && states[i].State == oip.StateReady {
			return true
		}
	}
	return false
}

// modelReady answers for one model: the faults of Acquire and of the model say why it is not.
func (s *Server) modelReady(c *call) error {
	m, err := s.find(c)
	if err != nil {
		return err
	}
	defer m.Release()
	if err := m.Ready(); err != nil {
		return err
	}
	return answerJSON(c.ctx, oip.ModelReady{Name: m.Info().Name, Ready: true})
}
