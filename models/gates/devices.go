package gates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluice/models/bundle"
)

// Device is a place where the server can run models.
type Device struct {
	// Name is what settings call it, such as cuda:0 or cpu.
	Name string
	// Lanes is how many batches of one session the scheduler runs at once; 0 means 1.
	// Warm-up touches the memory of every lane.
	Lanes int
	// Spares is how many further lanes, after those, a session has for the scheduler: they take the
	// places of lanes whose runs take far too long. Warm-up does not touch them.
	Spares int
	// Sizes are the batch sizes, ascending, that a session for batches of up to maxBatch
	// takes; it pads others to the next one. Warm-up runs all of them, however slow. nil
	// means that a session takes any size.
	Sizes func(maxBatch int) []int
	// Open loads the bundle for serving, with the schema in b.Schema and b.Lanes lanes. An
	// error that says task.DeviceFailed counts as a device that is down. Required.
	Open func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error)
	// Usable says in a sentence why the device takes no session now, such as a worker that
	// is restarting; nil means that it always does. See Registry.Attach.
	Usable func() error
}

// usable is Usable where it may be missing.
func (d *Device) usable() error {
	if d.Usable == nil {
		return nil
	}
	return d.Usable()
}

// CheckDevices finds fault with the server's own list.
func (o *Options) CheckDevices() error {
	if len(o.Devices) == 0 {
		return errors.New("cannot run models: Options.Devices is empty")
	}
	for i := range o.Devices {
		d := &o.Devices[i]
		switch {
		case d.Name == "" || d.Open == nil:
			return fmt.Errorf("cannot run models: device %d of Options.Devices has no name or no Open", i)
		case slices.ContainsFunc(o.Devices[:i], func(e Device) bool { return e.Name == d.Name }):
			return fmt.Errorf("cannot run models: two devices are named %s", d.Name)
		}
	}
	for _, name := range o.Defaults.Devices {
		if o.Device(name) == nil {
			return fmt.Errorf("cannot run a model on device %q by default: it is not there; there is %s", name, strings.Join(o.deviceNames(), ", "))
		}
	}
	return nil
}

// Device finds a device by name, or nil.
func (o *Options) Device(name string) *Device {
	for i := range o.Devices {
		if o.Devices[i].Name == name {
			return &o.Devices[i]
		}
	}
	return nil
}

// nameable are the devices that a bundle's settings may name; nil is any.
func (o *Options) nameable() []string {
	if o.Everywhere {
		return nil
	}
	return o.deviceNames()
}

func (o *Options) deviceNames() []string {
	names := make([]string, len(o.Devices))
	for i := range o.Devices {
		names[i] = o.Devices[i].Name
	}
	return names
}

// DevicesOf are the devices of a model in its order of preference. A model without
// fallback has one: a session that never runs is memory for nothing.
func (o *Options) DevicesOf(c *bundle.Config) []*Device {
	var all []*Device
	if len(c.Devices) == 0 || o.Everywhere {
		for i := range o.Devices {
			all = append(all, &o.Devices[i])
		}
	} else {
		for _, name := range c.Devices {
			all = append(all, o.Device(name))
		}
	}
	if o.Everywhere {
		return all
	}
	if c.Fallback == bundle.FallbackNever {
		all = all[:1]
	}
	return all
}
