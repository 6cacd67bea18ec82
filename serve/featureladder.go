package serve

import (
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"sluice/features/spec"
	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/models"
)

// rung is one of a version's ladder, joined to what answers there. Models come and go, so that each request asks again who it is.
type rung struct {
	s    *Server
	of   *models.Version
	plan *spec.RungPlan
	fit  atomic.Pointer[fit]
}

// fit is how requests become those of the version that was asked for last, or why they cannot. It is made once for two versions.
type fit struct {
	to      *models.Version
	mapping *target.Mapping
	err     error
}

// newLadder joins the rungs of a version's plan.
func (s *Server) newLadder(v *models.Version) (ladder []*rung) {
	if v.Features == nil {
		return nil
	}
	for i := range v.Features.Ladder {
		ladder = append(ladder, &rung{s: s, of: v, plan: &v.Features.Ladder[i]})
	}
	return ladder
}

// rungs are a ladder's as the gateway takes them, and their names.
func rungs(ladder []*rung) (all []gateway.Rung, names []string) {
	for _, r := range ladder {
		one := gateway.Rung{Name: r.plan.Name, Pin: r.pin}
		if r.plan.Constant != nil {
			one.Pin = nil
			for _, c := range r.plan.Constant {
				one.Constant = append(one.Constant, gateway.Constant(c))
			}
		}
		all, names = append(all, one), append(names, one.Name)
	}
	return all, names
}

// pin is the gateway's Pin.
func (r *rung) pin() (gateway.Model, *target.Mapping, error) {
	v, err := r.acquire()
	if err != nil {
		return nil, nil, err
	}
	f := r.fit.Load()
	if f == nil || f.to != v {
		f = r.fits(v)
		r.fit.Store(f)
	}
	if f.err != nil {
		v.Release()
		return nil, nil, f.err
	}
	return v.Served.(*served), f.mapping, nil
}

// acquire pins the version that answers on the rung now.
func (r *rung) acquire() (*models.Version, error) {
	if r.plan.Previous {
		return r.s.registry.WayBack(r.of)
	}
	return r.s.registry.Acquire(r.plan.Model, r.plan.Version)
}

// fits looks whether a version takes the requests, and logs it if it does not.
func (r *rung) fits(v *models.Version) *fit {
	mapping, err := target.Map(r.of.Client(), v.Client())
	if err != nil {
		r.s.log.Warn("a rung of the model's ladder does not fit: it answers no request", zap.String("model", r.of.Name), zap.String("version", r.of.Version),
			zap.String("rung", r.plan.Name), zap.String("rung_version", v.Version), zap.Error(err))
		err = fault.Newf(fault.ModelNotReady, "version %s of model '%s' does not take the requests: %v", v.Version, v.Name, err)
	}
	return &fit{v, mapping, err}
}

// brokenRungs says of the live versions which models of their ladders answer no request now, and why. That there is no previous
// version is no reason.
func (s *Server) brokenRungs() (all []string) {
	for _, i := range s.registry.Index() {
		if !i.Live || i.State != models.Ready {
			continue
		}
		v, err := s.registry.Acquire(i.Name, i.Version)
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, r := range v.Served.(*served).ladder {
			if why := r.broken(); why != "" {
				all = append(all, fmt.Sprintf("model %s version %s: rung %s of its ladder answers no request: %s", v.Name, v.Version, r.plan.Name, why))
			}
		}
		v.Release()
	}
	return all
}

// broken says why the rung answers no request; empty if it does, or need not.
func (r *rung) broken() string {
	if r.plan.Constant != nil {
		return ""
	}
	m, _, err := r.pin()
	if err == nil {
		m.Release()
		return ""
	}
	if f := r.fit.Load(); r.plan.Previous && (f == nil || err != f.err) { //nolint:errorlint // it is this very value, or another
		return ""
	}
	return fault.Of(err).Text
}
