package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/models/bundle"
)

// Registry owns the loaded versions and moves traffic between them.
type Registry struct {
	opts Options
	view atomic.Pointer[view]

	stop      context.CancelFunc // ends loads and the reading of Dir
	ctx       context.Context    //nolint:containedctx // the registry's own life, not a request's
	loads     chan struct{}      // a token per load under way; its capacity is LoadsAtOnce
	measuring chan struct{}      // a token while one load measures times
	alone     chan struct{}      // a token while one load waits for all the others to end, see share
	scanning  chan struct{}      // a token while Dir is read and recorded
	running   sync.WaitGroup
	notify    func() (*fsnotify.Watcher, error)

	mu struct {
		sync.Mutex
		models  map[string]*model
		faults  map[string]complaint // what Discover found fault with, by its sentence
		changed chan struct{}        // closed at the next change of state
		started bool
		closed  bool
	}
}

// New makes a registry that serves nothing yet.
func New(opts Options) (*Registry, error) {
	if err := opts.CheckDevices(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	r := &Registry{opts: opts, loads: make(chan struct{}, opts.LoadsAtOnce), alone: make(chan struct{}, 1), measuring: make(chan struct{}, 1), scanning: make(chan struct{}, 1), notify: fsnotify.NewWatcher}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.mu.models = map[string]*model{}
	r.mu.faults = map[string]complaint{}
	r.mu.changed = make(chan struct{})
	r.view.Store(&view{})
	return r, nil
}

// Start finds the bundles, begins to load them and to watch Dir, and returns. Wait
// tells when they are loaded.
func (r *Registry) Start() error {
	bundles, faults, err := Find(r.opts)
	if err != nil {
		return err
	}
	r.mu.Lock()
	started := r.mu.started
	r.mu.Unlock()
	if started {
		return errors.New("BUG: registry started twice")
	}
	r.complain(faults, true)
	if len(bundles) == 0 {
		r.opts.Log.Warn("no model found: the folder is watched, and models that come are loaded", zap.String("dir", r.opts.Dir))
	}
	r.record(bundles, nil, func(*bundle.Bundle) bool { return true })
	r.update(func(models map[string]*model) {
		// In one step: nobody may see it started with nothing to wait for.
		r.mu.started = true
		for _, m := range models {
			m.first = true
		}
	})
	if r.opts.Dir != "" {
		r.running.Go(r.watchFolder)
	}
	r.running.Go(func() { r.opts.Roles.Run(r.ctx) })
	r.running.Go(r.followRoles)
	return nil
}

// Wait returns when no version is loading or draining any more, or with ctx's error.
func (r *Registry) Wait(ctx context.Context) error {
	return r.await(ctx, func(models map[string]*model) bool {
		for _, m := range models {
			if m.busy(r.opts.KeepVersions) {
				return false
			}
		}
		return true
	})
}

// Acquire pins a version for one request; version "" is the live one. The caller must
// Release it. The faults are ModelNotFound, VersionNotFound and ModelNotReady.
func (r *Registry) Acquire(name, version string) (*Version, error) {
	for {
		v, err := r.view.Load().find(name, version)
		if err != nil {
			return nil, err
		}
		if v.tryPin() {
			return v, nil
		}
		// It was retired between the two steps; the newer view has already been stored.
	}
}

// WayBack pins the version that a rollback would leave in the place of another: the live one for a canary, else the one that
// was live before. The caller must Release it. The fault is ModelNotReady if there is none that is ready.
func (r *Registry) WayBack(of *Version) (*Version, error) {
	for {
		v := r.view.Load().wayBack(of)
		if v == nil {
			return nil, fault.Newf(fault.ModelNotReady, "model '%s' has no version before %s that is ready", of.Name, of.Version)
		}
		if v.tryPin() {
			return v, nil
		}
	}
}

// ReadyVersions are the names of a model's ready versions from old to new. The caller
// must not change the list.
func (r *Registry) ReadyVersions(name string) []string {
	if m := r.view.Load().models[name]; m != nil {
		return m.order
	}
	return nil
}

// Close unloads everything and waits for it, and for the registry's goroutines, as long
// as ctx lasts. Requests inside have until the drain deadline.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.mu.closed = true
	r.mu.Unlock()
	stopped := 0
	r.update(func(models map[string]*model) {
		stopped = stopWaiting(models)
		for _, m := range models {
			m.unloaded = true
		}
	})
	r.stop()
	if stopped > 0 {
		r.opts.Log.Info("loads that had not begun were stopped", zap.Int("versions", stopped))
	}
	err := r.Wait(ctx)
	if err != nil {
		return fmt.Errorf("cannot unload the models in time: %w", err)
	}
	r.running.Wait()
	return nil
}

// update changes the control state, then starts what plan wants, in one step: whoever
// reads the view sees either all or nothing of it. It is the only way to change state.
func (r *Registry) update(change func(models map[string]*model)) {
	r.mu.Lock()
	change(r.mu.models)
	st := r.opts.Roles.State()
	for name, m := range r.mu.models {
		m.roles = st.Models[name]
		m.follow(&r.opts)
	}
	var load, retire, reload []*entry
	for name, m := range r.mu.models {
		l, t := plan(m, r.opts.KeepVersions)
		if r.mu.closed {
			l = nil
		}
		load, retire = append(load, l...), append(retire, t...)
		if !r.mu.closed {
			reload = append(reload, m.outdated(t)...)
		}
		m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool {
			return !e.onDisk && (e.state == Failed || e.state == Discovered || e.state == Unloaded)
		})
		if len(m.entries) == 0 {
			delete(r.mu.models, name)
		}
	}
	for _, e := range load {
		e.state, e.reason, e.report, e.loaded, e.warned, e.returned, e.begun = Loading, "", nil, e.print, false, nil, false
		e.applied, e.refusal, e.gave = e.shared, "", ""
		ctx, cancel := context.WithCancel(r.ctx)
		e.cancel = cancel
		r.running.Go(func() { r.load(ctx, e) })
	}
	for _, e := range reload {
		e.reloading = true
		ctx, cancel := context.WithCancel(r.ctx)
		e.cancel = cancel
		shared := e.shared
		r.running.Go(func() {
			defer cancel()
			r.reload(ctx, e, shared)
		})
	}
	for _, m := range r.mu.models {
		m.first = m.first && !m.unloaded && !m.isReady() && m.busy(r.opts.KeepVersions)
	}
	for _, e := range retire {
		if e.state = Draining; e.reloading {
			e.cancel()
		}
		r.running.Go(func() { r.retire(e) })
	}
	before, after := r.view.Load(), newView(r.mu.models)
	r.view.Store(after)
	close(r.mu.changed)
	r.mu.changed = make(chan struct{})
	r.mu.Unlock()
	for name, m := range after.models {
		if old := before.models[name]; old != nil && old.live != nil && m.live != nil && old.live != m.live {
			r.opts.OnLive(old.live, m.live)
		}
	}
}

// await blocks until the control state satisfies a condition.
func (r *Registry) await(ctx context.Context, done func(models map[string]*model) bool) error {
	for {
		r.mu.Lock()
		ok, changed := done(r.mu.models), r.mu.changed
		r.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Index lists every version on record, by name and from old to new.
func (r *Registry) Index() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Status
	for _, name := range slices.Sorted(maps.Keys(r.mu.models)) {
		m := r.mu.models[name]
		live := m.live()
		from := len(all)
		for _, e := range m.entries {
			s := e.status()
			s.Live, s.Role, s.Held = e == live, m.roleOf(e), e.is(m.roles.Live) && m.roles.Hold
			if s.Role == RoleCanary {
				s.Share = m.roles.Canary.Share
			}
			switch {
			case m.unloaded && e.state == Unloaded:
				s.Reason = "unloaded"
			case s.Role == RoleRejected && e.state == Unloaded:
				s.Reason = "its files were rejected"
			case s.Role == RolePrevious && e.state == Unloaded && e.gave != "":
				s.Reason = "it gave its memory to " + e.gave + "; a rollback loads it again"
			}
			all = append(all, s)
		}
		slices.Reverse(all[from:])
	}
	return all
}
