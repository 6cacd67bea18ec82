package fleet

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sluice/backends/worker"
	"sluice/internal/fault"
)

// Degraded says, for each device that takes no work, why. Clients see it, so the library goes by its
// name alone; the log has its path.
func (f *Fleet) Degraded() (all []string) {
	for _, d := range f.devices {
		d.mu.Lock()
		why := d.mu.down()
		d.mu.Unlock()
		if why == "" {
			continue
		}
		if f.o.Library != "" {
			why = strings.ReplaceAll(why, f.o.Library, filepath.Base(f.o.Library))
		}
		all = append(all, fmt.Sprintf("device %s takes no work: %s", d.Name, why))
	}
	slices.Sort(all)
	return all
}

// Useless is an error if no device can run any model, so that the server will never be ready.
func (f *Fleet) Useless() error {
	var all []string
	for _, d := range f.devices {
		d.mu.Lock()
		unusable, why := d.mu.unusable, d.mu.why
		d.mu.Unlock()
		if !unusable {
			return nil
		}
		all = append(all, d.Name+": "+why)
	}
	return fmt.Errorf("none of the devices can be used; add cpu to the setting devices, or see to what they lack: %s", strings.Join(all, "; "))
}

// Reopen has the worker of a device try again that a crash loop has closed.
func (f *Fleet) Reopen(name string) error {
	d := f.Find(name)
	if d == nil {
		return fault.Newf(fault.NotFound, "there is no device '%s'; the devices are %s", name, strings.Join(f.Names(), ", "))
	}
	if d.worker == nil {
		return fault.Newf(fault.InvalidRequest, "device '%s' has no worker process: there is nothing to reopen", name)
	}
	if state := d.worker.Status().State; state != worker.Closed {
		return fault.Newf(fault.InvalidRequest, "device '%s' is %v: only one that was closed after a crash loop is reopened", name, state)
	}
	d.worker.Reopen()
	return nil
}
