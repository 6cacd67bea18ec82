package models

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sluice/models/bundle"
)

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
