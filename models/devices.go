package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
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
	Open func(ctx context.Context, b *Bundle) (Session, error)
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

// checkDevices finds fault with the server's own list.
func checkDevices(o *Options) error {
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
		if o.device(name) == nil {
			return fmt.Errorf("cannot run a model on device %q by default: it is not there; there is %s", name, o.deviceNames())
		}
	}
	return nil
}

// device finds a device by name, or nil.
func (o *Options) device(name string) *Device {
	for i := range o.Devices {
		if o.Devices[i].Name == name {
			return &o.Devices[i]
		}
	}
	return nil
}

func (o *Options) deviceNames() string {
	names := make([]string, len(o.Devices))
	for i := range o.Devices {
		names[i] = o.Devices[i].Name
	}
	return strings.Join(names, ", ")
}

// devicesOf are the devices of a model in its order of preference. A model without
// fallback has one: a session that never runs is memory for nothing.
func (o *Options) devicesOf(c *Config) []*Device {
	var all []*Device
	for _, name := range c.Devices {
		all = append(all, o.device(name))
	}
	if len(c.Devices) == 0 {
		for i := range o.Devices {
			all = append(all, &o.Devices[i])
		}
	}
	if c.Fallback == FallbackNever {
		all = all[:1]
	}
	return all
}

// checkPlaces finds fault with where the model may run, as far as the file itself tells.
func (c *Config) checkPlaces(text []byte) error {
	var faults []error
	fail := func(path, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{whereIn(text, path)}, args...)...))
	}
	if c.Devices != nil && len(c.Devices) == 0 {
		fail("$.devices", "devices is empty; name some in order of preference, or leave it out to have them all")
	}
	for i, name := range c.Devices {
		switch {
		case name == "":
			fail(fmt.Sprintf("$.devices[%d]", i), "devices[%d] has no name", i)
		case slices.Contains(c.Devices[:i], name):
			fail(fmt.Sprintf("$.devices[%d]", i), "devices names %s twice; each device holds one session of a model", name)
		}
	}
	switch c.Fallback {
	case "", FallbackBudget, FallbackFailure, FallbackNever:
	default:
		fail("$.fallback", "fallback is %.40q; it must be budget, failure or never", string(c.Fallback))
	}
	switch c.Isolation {
	case "", IsolationNone, IsolationProcess:
	default:
		fail("$.isolation", "isolation is %.40q; it must be none or process", string(c.Isolation))
	}
	return errors.Join(faults...)
}

// checkKnown finds fault with devices that the server does not have.
func (c *Config) checkKnown(text []byte, o *Options) error {
	var faults []error
	for i, name := range c.Devices {
		if o.device(name) == nil {
			faults = append(faults, fmt.Errorf("%s: device %.40q is not there; there is %s: take it out, or add it to the server's setting devices", whereIn(text, fmt.Sprintf("$.devices[%d]", i)), name, o.deviceNames()))
		}
	}
	return errors.Join(faults...)
}

// whereIn names the file and, where it can be found, the line of a key or an element.
func whereIn(text []byte, path string) (line string) {
	// The library panics over some nodes whose tag contradicts their content.
	defer func() {
		if recover() != nil {
			line = ConfigFile
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return ConfigFile
	}
	wanted, err := yaml.PathString(path)
	if err != nil {
		return ConfigFile
	}
	node, err := wanted.FilterFile(file)
	if err != nil || node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return ConfigFile
	}
	return fmt.Sprintf("%s line %d", ConfigFile, node.GetToken().Position.Line)
}
