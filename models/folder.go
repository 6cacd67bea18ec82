package models

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"sluice/models/bundle"
)

// quiet is how long the system must report no change before Dir is read: a copy makes
// hundreds of reports.
const quiet = 100 * time.Millisecond

// watchFolder reads Dir after changes and, in any case, every RescanEvery. It ends with the
// registry.
func (r *Registry) watchFolder() {
	watcher, err := r.notify()
	var events chan fsnotify.Event
	var faults chan error // nil, and so silent, without a watcher
	if err != nil {
		r.opts.Log.Warn("cannot watch the models folder: it is read from time to time instead",
			zap.Error(err), zap.Duration("every", r.opts.RescanEvery))
	} else {
		defer watcher.Close()
		events, faults = watcher.Events, watcher.Errors
	}
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case event := <-events:
			if event.Op != fsnotify.Chmod {
				look.Reset(quiet)
			}
		case err := <-faults:
			r.opts.Log.Warn("reports of changes in the models folder were lost: it is read again", zap.Error(err))
			look.Reset(quiet)
		case <-look.C:
			if watcher != nil {
				r.follow(watcher)
			}
			look.Reset(max(r.scan(func(*bundle.Bundle) bool { return false }), time.Millisecond))
		}
	}
}

// follow watches Dir and the folders of models and versions in it, and a version's own folder of model files. Watching a folder
// twice is free; folders that are gone lose their watch by themselves. It comes before
// the scan, so that nothing changes unseen in between.
func (r *Registry) follow(watcher *fsnotify.Watcher) {
	dir, err := filepath.EvalSymlinks(r.opts.Dir)
	if err != nil {
		return
	}
	add := func(path string) {
		// A folder that cannot be watched is still read every RescanEvery.
		_ = watcher.Add(path)
	}
	add(dir)
	for _, name := range subfolders(dir) {
		add(name)
		for _, version := range subfolders(name) {
			add(version)
			for _, inner := range subfolders(version) {
				if strings.HasSuffix(inner, bundle.OnnxEnd) {
					add(inner)
				}
			}
		}
	}
}

func subfolders(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name()[0] != '.' {
			folders = append(folders, filepath.Join(dir, entry.Name()))
		}
	}
	return folders
}

// complaint is something in Dir that looks like a bundle and is none.
type complaint struct {
	since  time.Time
	logged bool
}

// scan reads Dir and starts what follows from it. settled says which bundles need not
// stay unchanged for a while first. It returns when to look again at the latest.
func (r *Registry) scan(settled func(*bundle.Bundle) bool) time.Duration {
	// One at a time: an older reading that is recorded after a newer one would take
	// versions for removed that are there.
	r.scanning <- struct{}{}
	defer func() { <-r.scanning }()
	found, faults, err := discover(r.opts)
	if err != nil {
		// What is loaded stays: a folder that went away for a moment unloads nothing.
		r.complain([]error{err}, false)
		return r.opts.RescanEvery
	}
	r.complain(append(faults, r.unread(found)...), false)
	return r.record(found, r.hidden(found), settled)
}

// record notes what lies on disk, and returns when to look again at the latest.
func (r *Registry) record(found []*bundle.Bundle, veils map[*entry]veil, settled func(*bundle.Bundle) bool) time.Duration {
	again := r.opts.RescanEvery
	var changed []*bundle.Bundle
	r.update(func(models map[string]*model) {
		if r.mu.closed {
			return // nothing may appear any more
		}
		now := time.Now()
		seen := map[*entry]bool{}
		for _, b := range found {
			m := models[b.Name]
			if m == nil {
				m = &model{}
				models[b.Name] = m
			}
			e := m.entry(b)
			if e.state == Discovered || e.state == Unloaded || e.state == Failed {
				b.Given = b.Given || e.bundle.Given
				e.bundle = b // its files may lie elsewhere now, or have other names
			}
			seen[e] = true
			e.look(b.Fingerprint, b.ModelPrint, now)
			e.settled = e.settled || settled(b) || now.Sub(e.since) >= r.opts.Settle
			if e.veiled = (time.Time{}); e.settled && b.Wrong == nil {
				m.keep = b.Keep
			}
			if !e.settled {
				again = min(again, r.opts.Settle-now.Sub(e.since))
			} else if e.state == Ready && e.print != e.loaded && !e.warned {
				e.warned = true
				changed = append(changed, e.bundle)
			}
		}
		for _, m := range models {
			for _, e := range m.entries {
				v, hides := veils[e]
				if e.onDisk = seen[e] || e.bundle.Given; !e.onDisk && hides && (v.err != nil || !settled(e.bundle)) {
					again = min(again, e.hide(v, r.opts.Settle, now))
				}
			}
		}
	})
	r.succession()
	for _, b := range changed {
		r.opts.Log.Warn("files changed under a loaded version: it is served as it was loaded; add a new version instead",
			zap.String("model", b.Name), zap.String("version", b.Version))
	}
	return again
}

// entry finds or adds a version, keeping the order from new to old.
func (m *model) entry(b *bundle.Bundle) *entry {
	at, found := slices.BinarySearchFunc(m.entries, b.Version, func(e *entry, version string) int {
		return bundle.CompareVersions(version, e.bundle.Version)
	})
	if !found {
		m.entries = slices.Insert(m.entries, at, &entry{bundle: b})
	}
	return m.entries[at]
}

// look compares the files with the last look at them.
func (e *entry) look(print, shared string, now time.Time) {
	if e.print == print && e.shared == shared {
		return
	}
	if e.print != print && (e.state == Failed || e.state == Unloaded) {
		e.report = nil // of other files
	}
	e.print, e.shared, e.since, e.settled = print, shared, now, false
	if e.state == Failed && (print != e.loaded || shared != e.applied) {
		e.state = Discovered // the files, or the model's own settings, are others: worth another load
	}
}

// complain logs each fault once: at the start at once, else when it has lasted, since
// a folder is faulty while it is being filled.
func (r *Registry) complain(faults []error, now bool) {
	at := time.Now()
	var news []string
	r.mu.Lock()
	before := r.mu.faults
	r.mu.faults = make(map[string]complaint, len(faults))
	for _, err := range faults {
		text := err.Error()
		f, old := before[text]
		if !old {
			f.since = at
		}
		if !f.logged && (now || at.Sub(f.since) >= r.opts.Settle) {
			f.logged = true
			news = append(news, text)
		}
		r.mu.faults[text] = f
	}
	r.mu.Unlock()
	for _, text := range news {
		r.opts.Log.Warn("not a bundle", zap.String("reason", text))
	}
}

// veil is a config.pbtxt that keeps a version from being found though its model file lies where it
// was: default_model_filename or version_policy changed, or the file cannot be read.
type veil struct {
	print string // of config.pbtxt
	err   error  // why it cannot be read
}

// hidden finds the serving versions on record that a reading of Dir passed over for the sake of
// their model's config.pbtxt. Files that are gone hide nothing.
func (r *Registry) hidden(found []*bundle.Bundle) map[*entry]veil {
	here := make(map[string]bool, len(found))
	for _, b := range found {
		here[b.Label()] = true
	}
	missing := map[*entry]*bundle.Bundle{}
	r.mu.Lock()
	for _, m := range r.mu.models {
		for _, e := range m.entries {
			serves := e.state == Ready || e.state == Loading
			if b := e.bundle; serves && e.onDisk && !b.Given && b.Home != "" && !here[b.Label()] {
				missing[e] = b
			}
		}
	}
	r.mu.Unlock()
	veils := map[*entry]veil{}
	for e, b := range missing {
		if about, err := os.Lstat(b.ModelPath()); err != nil || !about.Mode().IsRegular() {
			continue
		}
		var v veil
		home := filepath.Join(b.Dir, b.Home)
		if about, err := os.Lstat(filepath.Join(home, bundle.TritonFile)); err == nil {
			v.print = fmt.Sprint(about.Size(), about.ModTime().UnixNano())
		}
		_, v.err = bundle.GlanceTriton(home, b.Name)
		veils[e] = v
	}
	return veils
}

// hide takes a version that is hidden for one that is there, for now, and says when to look again.
// Whoever edits config.pbtxt may have written half of it: what it says counts once it has stayed
// the same for a while, and a file that cannot be read changes nothing.
func (e *entry) hide(v veil, settle time.Duration, now time.Time) time.Duration {
	if e.veiled.IsZero() || v.print != e.veil {
		e.veil, e.veiled = v.print, now
	}
	left := settle - now.Sub(e.veiled)
	if v.err != nil {
		left = settle
	}
	e.onDisk = left > 0
	return max(left, time.Millisecond)
}

// unread says of each model with a version that serves that its config.pbtxt cannot be read any
// more. Of other models the load gates say it.
func (r *Registry) unread(found []*bundle.Bundle) (faults []error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := map[string]bool{}
	for _, b := range found {
		if m := r.mu.models[b.Name]; b.Wrong != nil && !told[b.Name] && m != nil && m.isReady() {
			told[b.Name] = true
			faults = append(faults, fmt.Errorf("%s: %w; the versions that serve stay as they are", b.Name, b.Wrong))
		}
	}
	return faults
}
