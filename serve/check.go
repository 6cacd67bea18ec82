package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/backends/fleet"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// Check takes models through the load gates on the devices of a server with the same options, without
// serving them. It must be closed.
type Check struct {
	// Options are how the models are found and proven.
	Options models.Options

	o     *Options
	fleet *fleet.Fleet
	// stores has the feature stores alone; nil if they are not looked at.
	stores *Server
}

// TryDevices tries each configured device, in a process of its own, and says what the unusable ones
// lack.
func TryDevices(ctx context.Context, o *Options, library string) error {
	var faults []error
	for i := range o.Config.Devices {
		d := &o.Config.Devices[i]
		if v, _ := tryDevice(ctx, d, library); !v.Usable {
			faults = append(faults, o.Config.Fault(fmt.Sprintf("devices[%d]", i), fmt.Errorf("%s is not usable: %s", d.Name, v.Why())))
		}
	}
	return errors.Join(faults...)
}

// OpenCheck starts the devices of a server with these options. The library must be loaded.
func OpenCheck(ctx context.Context, o *Options, library string) (_ *Check, err error) {
	o.narrow()
	c := &Check{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	lanes := cmp.Or(o.Config.Scheduler.CPULanes, planThreads().cores)
	if c.fleet, err = newFleet(ctx, o.Config, library, lanes, o.Log); err != nil {
		return nil, err
	}
	if err := c.fleet.Start(fleet.Nobody{}); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	c.fleet.Wait(limited)
	if err := priceDevices(o.Config, schedulerDevices(c.fleet, 1)); err != nil {
		return nil, err
	}
	c.Options = modelOptions(o, modelDevices(c.fleet), library)
	c.Options.Copies, err = openCopies(o.Config)
	return c, err
}

// Close ends the devices and takes away the copies of the models' files.
func (c *Check) Close() (err error) {
	if c.fleet != nil {
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = c.fleet.Close(last)
	}
	if c.Options.Copies != nil {
		err = errors.Join(err, c.Options.Copies.Close())
	}
	return errors.Join(err, c.closeStores())
}

// inspectRun is the longest run of an inspection, by the cost table.
const inspectRun = 2 * time.Second

// Inspect finds what a placed model takes of the machine: its memory, and which nodes run where.
func (c *Check) Inspect(ctx context.Context, b *bundle.Bundle, d *gates.DeviceReport) error {
	rows := max(b.Schema.MaxBatch, 1)
	for rows > 1 && d.Curve.At(rows) > inspectRun {
		rows /= 2
	}
	m := modelFile(b)
	m.Lanes = max(d.Lanes, 1)
	taken, err := c.fleet.Inspect(ctx, d.Device, m, rows)
	if err != nil {
		return err
	}
	d.Memory, d.DeviceMemory = taken.Memory, taken.DeviceMemory
	for provider, operators := range taken.Nodes {
		n := gates.NodesReport{Provider: provider, Operators: operators}
		for _, count := range operators {
			n.Count += count
		}
		d.Nodes = append(d.Nodes, n)
	}
	// The device's own first: the CPU's are what was left over.
	slices.SortFunc(d.Nodes, func(a, b gates.NodesReport) int {
		if onCPU := strings.HasPrefix(a.Provider, "CPU"); onCPU != strings.HasPrefix(b.Provider, "CPU") {
			if onCPU {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.Provider, b.Provider)
	})
	return nil
}

// Memory adds up what a server with these models needs.
func (c *Check) Memory(reports []*gates.Report) *MemoryNeed {
	return needed(c.o.Config, reports, c.fleet.Workers())
}
