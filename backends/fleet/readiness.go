package fleet

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sluice/backends/worker"
	"sluice/internal/fault"
	"sluice/internal/units"
)

// isolatedModels is what readiness calls the worker of models on the CPU that want a process of their own.
const isolatedModels = "cpu for models with isolation: process"

// noWork says for clients that a device takes no work; empty if there is no reason why. The library goes
// by its name alone; the log has its path.
func (f *Fleet) noWork(name, why string) string {
	if why == "" {
		return ""
	}
	if f.o.Library != "" {
		why = strings.ReplaceAll(why, f.o.Library, filepath.Base(f.o.Library))
	}
	return fmt.Sprintf("device %s takes no work: %s", name, why)
}

// Away says in a sentence, which clients may see, why no session on the device runs anything now; empty
// if sessions do. apart is Model.Apart. A breaker that is open is no reason: it takes a request to close it.
func (d *Device) Away(apart bool) string {
	if d.OnCPU() && apart {
		d.fleet.isolated.Lock()
		defer d.fleet.isolated.Unlock()
		return d.fleet.noWork(isolatedModels, d.fleet.isolated.own())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fleet.noWork(d.Name, d.mu.own())
}

// Degraded says, for each device that takes no work, why, and which ones lack models. Clients see it.
func (f *Fleet) Degraded() (all []string) {
	tell := func(name, why string) {
		if text := f.noWork(name, why); text != "" {
			all = append(all, text)
		}
	}
	for _, d := range f.devices {
		d.mu.Lock()
		why := d.mu.down()
		d.mu.Unlock()
		tell(d.Name, why)
		if d.worker == nil {
			continue
		}
		if n := d.worker.Lost(); n > 0 {
			all = append(all, fmt.Sprintf("device %s lacks %s that its worker could not load when it started again; it tries again", d.Name, units.Count(n, "model")))
		}
	}
	f.isolated.Lock()
	why := f.isolated.down()
	f.isolated.Unlock()
	tell(isolatedModels, why)
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
	w := d.worker
	if w == nil && d.OnCPU() {
		w = f.isolatedWorker()
	}
	if w == nil {
		return fault.Newf(fault.InvalidRequest, "device '%s' has no worker process: there is nothing to reopen", name)
	}
	if state := w.Status().State; state != worker.Closed {
		return fault.Newf(fault.InvalidRequest, "device '%s' is %v: only one that was closed after a crash loop is reopened", name, state)
	}
	w.Reopen()
	return nil
}
