package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/gateway/http/admin"
	"sluice/internal/fault"
	"sluice/internal/telemetry"
	"sluice/models"
	"sluice/models/roles"
	"sluice/serve/rollouts"
)

// NoState is the value of the setting state that keeps nothing over restarts.
const NoState = "none"

// StateDir is the folder that keeps over restarts what was decided and learned; empty for none. By default it
// lies in the user's folder for states, under the models folder's name and a part of the SHA-256 of its path, so that
// each models folder has one.
func StateDir(cfg *config.Config) string {
	switch {
	case cfg.State == NoState:
		return ""
	case cfg.State != "":
		return cfg.State
	case cfg.Models == "":
		return ""
	}
	home := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(home) {
		user, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(user) {
			return ""
		}
		home = filepath.Join(user, ".local", "state")
	}
	dir, err := filepath.Abs(cfg.Models)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(home, "sluice", filepath.Base(dir)+"-"+hex.EncodeToString(sum[:6]))
}

// openRoles opens the record of which version is what. Where it cannot be kept, it is kept in memory; but for a folder that
// holds decisions and cannot be used, since others would serve than somebody wants.
func (s *Server) openRoles(context.Context) error {
	dir := StateDir(s.cfg)
	if dir == "" {
		s.log.Warn("roles of versions are forgotten at the end: there is no state folder")
	}
	options := roles.Options{Dir: dir, Admin: s.cfg.Admin, Log: s.log}
	store, err := roles.Open(options)
	if errors.Is(err, roles.ErrDecided) {
		return s.cfg.Fault("state", fmt.Errorf("%w: mend the folder, or name another one, or none", err))
	}
	if err != nil {
		s.forgetful = "the roles of versions are forgotten at the end, and any version may serve after the next start: " + err.Error()
		s.log.Warn("the state folder cannot be used: roles of versions, and what is learned, are forgotten at the end", zap.String("state", dir), zap.Error(err))
		options.Dir = ""
		if store, err = roles.Open(options); err != nil {
			return err
		}
	}
	s.roles = store
	s.metrics.WatchVersions(func() telemetry.Versions {
		v := telemetry.Versions{Generation: store.State().Generation, Holds: store.Holds(), Behind: store.Behind()}
		if s.registry == nil {
			return v
		}
		for _, r := range s.registry.Refused() {
			v.Refused = append(v.Refused, telemetry.RefusedVersions(r))
		}
		for name, m := range store.State().Models {
			if p := m.Plan; p != nil {
				v.Plans = append(v.Plans, telemetry.PlanInfo{Model: name, Version: p.Version, Phase: p.Phase, Step: p.Step})
			}
		}
		for _, i := range s.registry.Index() {
			v.List = append(v.List, telemetry.VersionInfo{Model: i.Name, Version: i.Version, State: i.State.String(), Role: string(i.Role), Share: i.Share})
		}
		return v
	})
	return nil
}

// roleControl is what the admin port sees of the registry's roles.
type roleControl struct {
	registry *models.Registry
	plans    *rollouts.Runner
	begin    func(model, version string) bool // has a shadow that was stopped run again
}

func by(c admin.Change) models.By { return models.By{Who: c.Who, Reason: c.Reason, Key: c.Key} }

// History is what was changed, the newest first.
func (r roleControl) History(model string, most int) ([]admin.Change, error) {
	entries, err := r.registry.Roles().History(model, most)
	all := make([]admin.Change, 0, len(entries))
	for _, e := range entries {
		all = append(all, admin.Change{Time: e.Time, Generation: e.Generation, Who: e.Who, Action: e.Action, Model: e.Model, Version: e.Name(), Digest: e.Digest, From: e.From, Share: e.Share, Reason: e.Reason, Key: e.Key})
	}
	return all, err
}

// Plan is how far a model's plan is. Figures are those of the gateway that runs it.
func (r roleControl) Plan(model string) (admin.Plan, error) {
	if err := r.registry.OnRecord(model, ""); fault.Of(err).Kind == fault.ModelNotFound {
		return admin.Plan{}, err
	}
	return r.plans.Document(model), nil
}

// Promote makes a version live.
func (r roleControl) Promote(ctx context.Context, c admin.Change) error {
	return r.registry.Promote(ctx, c.Model, c.Version, by(c))
}

// Canary gives a version a share of the units.
func (r roleControl) Canary(ctx context.Context, c admin.Change) error {
	return r.registry.Canary(ctx, c.Model, c.Version, c.Share, by(c))
}

// Shadow makes a version a shadow, or ends that. One that had been stopped runs again.
func (r roleControl) Shadow(ctx context.Context, c admin.Change) error {
	err := r.registry.Shadow(ctx, c.Model, c.Version, c.On, by(c))
	if err == nil && c.On {
		r.begin(c.Model, strings.TrimPrefix(c.Version, c.Model+":"))
	}
	return err
}

// Rollback makes the version live that was so before.
func (r roleControl) Rollback(ctx context.Context, c admin.Change) error {
	return r.registry.Rollback(ctx, c.Model, by(c))
}

// Hold keeps the live version live.
func (r roleControl) Hold(_ context.Context, c admin.Change) error {
	return r.registry.Hold(c.Model, by(c))
}

// Release lifts a hold and rejections.
func (r roleControl) Release(_ context.Context, c admin.Change) error {
	return r.registry.Release(c.Model, by(c))
}

// Reject keeps a version from being taken as the newest.
func (r roleControl) Reject(_ context.Context, c admin.Change) error {
	return r.registry.Reject(c.Model, c.Version, by(c))
}

// startPlans begins to carry out the plans by which versions become live.
func (s *Server) startPlans(context.Context) error {
	s.plans = rollouts.New(rollouts.Options{Registry: s.registry, Log: s.log, Shadows: shadows{s}, Replay: replay})
	s.endPlans = begin(s.plans.Run)
	return nil
}

// begin runs something until the function that it returns is called, which waits for its end.
func begin(run func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}
