package fleet

import (
	"fmt"
	"slices"
	"strings"

	"sluice/backends"
	"sluice/backends/onnx"
	"sluice/backends/onnx/provider"
	"sluice/backends/worker"
	"sluice/internal/cost"
	"sluice/internal/device"
)

// Settings are how a device is used. The options of other kinds of device are not looked at.
type Settings struct {
	// Name is the device's, see ParseName.
	Name string
	// Lanes is how many batches may be on the device at once; 0 leaves it to the kind.
	Lanes int
	// Isolation is process or none; empty leaves it to the kind.
	Isolation string
	// LibraryFolders are where the device's libraries lie off the loader's path.
	LibraryFolders []string `json:"-"`
	// Env is variables of the device's process.
	Env map[string]string `json:"-"`

	// Provider is for ONNX Runtime's devices; which device it is says Name alone.
	Provider provider.Provider
	// Fake is for fake.
	Fake Fake
}

// Fake is how the fake device behaves.
type Fake struct {
	// Curve is what batches cost; empty means what the CPU takes.
	Curve cost.Curve
	// Orders is a file of faults to show, see fake.Orders; empty means none.
	Orders string
}

// gpuLanes are a batch that runs and one that is being filled.
const gpuLanes = 2

// kind is what the devices of one kind have in common.
type kind struct {
	name device.Kind
	// lanes is how many batches may be on a device at once; 0 means as many as the CPU has lanes.
	lanes int
	// worker puts sessions into a process of their own, unless the settings say otherwise.
	worker bool
	// serial has the worker do everything on one thread.
	serial bool
	// compiled devices compile for each batch size, so that sessions run at few of them.
	compiled bool
	// chosen says when a server that is told nothing uses the devices of the kind.
	chosen chosen
	// listed kinds are among those that a machine might have, whether or not they work.
	listed bool
	// uncounted says what to do instead of numbering the device; empty for a kind that is counted.
	uncounted string

	// check finds what is wrong with the settings.
	check func(*Settings) error
	// try finds out whether the device can run anything, in a process of its own.
	try tryFunc
	// open loads a model in this process, host in the device's worker.
	open func(path string, o onnx.Options) (backends.Session, error)
	host func(path string, o onnx.Options, s *Settings) (worker.Hosted, error)
}

// chosen is when devices of a kind are used that nobody asked for.
type chosen uint8

const (
	never        chosen = iota
	always              // where one works
	withoutOther        // where one works, the machine shows a GPU, and no other kind is chosen
	last                // after all others, whether or not it works
)

// kinds is the table of all kinds of devices, in the order in which they are listed and chosen. The
// CPU is what else is left. TensorRT is left to those who ask for it: it builds engines for minutes.
var kinds = []*kind{
	{
		name: device.CUDA, lanes: gpuLanes, worker: true, compiled: true, chosen: always, listed: true,
		check: checkONNX, try: tryONNX, open: openONNX, host: hostONNX,
	},
	{
		name: device.TensorRT, lanes: gpuLanes, worker: true, compiled: true, listed: true,
		check: checkONNX, try: tryONNX, open: openONNX, host: hostONNX,
	},
	{
		// A Vulkan driver that is mere software is slower than the CPU itself.
		name: device.WebGPU, lanes: gpuLanes, worker: true, serial: true, compiled: true, chosen: withoutOther, listed: true,
		uncounted: ", which WebGPU does not know: write webgpu, and choose the GPU of its process with VK_DRIVER_FILES in the device's env",
		check:     checkONNX, try: tryONNX, open: openONNX, host: hostONNX,
	},
	{
		name: device.CPU, chosen: last, listed: true, uncounted: ": write cpu",
		check: checkONNX, try: tryONNX, open: openONNX, host: hostONNX,
	},
	{
		name: device.Fake, lanes: gpuLanes, worker: true, uncounted: ": write fake",
		check: func(*Settings) error { return nil }, try: tryNothing, open: openONNX, host: hostFake,
	},
}

// kindOf finds a kind in the table by its word.
func kindOf(word string) (*kind, bool) {
	i := slices.IndexFunc(kinds, func(k *kind) bool { return k.name.String() == word })
	if i < 0 {
		return nil, false
	}
	return kinds[i], true
}

// ParseName reads a device's name: a kind of the table, and a number where it is counted. Each device
// has one spelling, so that two names of the same device are the same text.
func ParseName(text string) (device.Name, error) {
	word, number, numbered := strings.Cut(text, ":")
	k, known := kindOf(word)
	switch {
	case !known:
		return device.Name{}, fmt.Errorf("device %q is unknown: the possible names are %s", text, possible())
	case k.name.Counted() && !numbered:
		return device.Name{}, fmt.Errorf("device %q lacks the GPU's number: write %s:0 for the first", text, word)
	case !k.name.Counted() && !numbered:
		return device.Name{Kind: k.name}, nil
	case !k.name.Counted():
		return device.Name{}, fmt.Errorf("device %q has a number%s", text, k.uncounted)
	}
	index, err := device.ParseIndex(number)
	if err != nil {
		return device.Name{}, fmt.Errorf("device %q has no GPU's number behind the colon: write %s:0 to %s:%d", text, word, word, device.MaxIndex)
	}
	return device.Name{Kind: k.name, Index: index}, nil
}

// possible lists the names, for error messages: the CPU's, which every machine has, first.
func possible() string {
	names := []string{device.CPU.String()}
	for _, k := range kinds {
		switch {
		case k.name == device.CPU:
		case k.name.Counted():
			names = append(names, k.name.String()+":N")
		default:
			names = append(names, k.name.String())
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last] + ", with N the GPU's number from 0"
}

// Check finds what is wrong with a device's options. The name must be one.
func (s *Settings) Check() error {
	name, err := ParseName(s.Name)
	if err != nil {
		return err
	}
	k, _ := kindOf(name.Kind.String())
	return k.check(s)
}

// Possible names the devices that a machine with so many GPUs of NVIDIA's might have, whether or not
// they work.
func Possible(gpus int) (names []string) {
	for _, k := range kinds {
		switch {
		case !k.listed:
		case k.name.Counted():
			for index := range max(gpus, 1) {
				names = append(names, device.Name{Kind: k.name, Index: index}.String())
			}
		default:
			names = append(names, k.name.String())
		}
	}
	return names
}

// Choose names the devices of a server that is told nothing, by what came of trying them: every GPU on
// CUDA, else WebGPU where there is a real GPU, and then the CPU.
func Choose(verdicts []Verdict, realGPU bool) (names []string) {
	var final []string
	for _, k := range kinds {
		switch {
		case k.chosen == last:
			final = append(final, k.name.String())
			continue
		case k.chosen == never, k.chosen == withoutOther && (len(names) > 0 || !realGPU):
			continue
		}
		for _, v := range verdicts {
			if word, _, _ := strings.Cut(v.Device, ":"); v.Usable && word == k.name.String() {
				names = append(names, v.Device)
			}
		}
	}
	return append(names, final...)
}
