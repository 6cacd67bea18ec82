package models

import (
	"os"
	"path/filepath"
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
