package config

import (
	"fmt"
	"time"
)

// Shadow is how requests are mirrored to the versions that are shadows, and compared. Without a shadow it costs nothing.
type Shadow struct {
	// Sample is the share of the units, such as users, whose requests are mirrored, from 0 to 1; a request without a unit
	// is one itself. Default 0.05. Too low makes a verdict wait for days; too high fills the ring, and costs the gateway CPU for each copy and
	// comparison.
	Sample float64 `yaml:"sample"`
	// Again is the share of the mirrored requests that the live version is asked again, in the shadow's process, which tells
	// how far its answers differ from themselves. Default 0.1. Until 1,000 rows of that are known it is all of them. 0 takes the
	// model's tolerance for the noise. Too low makes a verdict wait for the live version's own share; too high keeps the shadow
	// from its own requests.
	Again float64 `yaml:"again"`
	// MaxRows is the most rows that wait for a shadow. Default 4096. Too low drops requests of a burst, and each that has more rows; too high compares
	// what was asked long ago.
	MaxRows int `yaml:"max_rows"`
	// MaxBytes is the memory for what waits for a shadow; each has its own. Default 16MiB. Too low drops requests with large
	// tensors; too high takes memory from live requests.
	MaxBytes Bytes `yaml:"max_bytes"`
	// Memory is the most that the processes of a shadow may have resident together. Default 1GiB. Too low ends a shadow as it loads;
	// too high lets one that leaks press on live requests.
	Memory Bytes `yaml:"memory"`
	// InFlight is how many requests are with a shadow at once. Default 1. Too low leaves a shadow on a GPU idle; too high takes
	// processors from live requests.
	InFlight int `yaml:"in_flight"`
	// Timeout is how long a shadow may take to answer before its process is ended and started again. Default 10s. Too low ends
	// shadows that are slow but well, such as beside live requests that leave them no CPU; too high waits long for one that hangs.
	Timeout time.Duration `yaml:"timeout"`
	// Devices are the devices that shadows may use, by their names, as in devices. Default none: the CPU alone. A GPU that
	// live requests use is shared with them.
	Devices []string `yaml:"devices"`

	Tax ShadowTax `yaml:"tax"`
}

// ShadowTax is what shadows may cost live requests. It is measured in slices of 5 seconds, with the shadows and while they are
// frozen, in random order.
type ShadowTax struct {
	// Measure says whether it is measured. Default true. false leaves shadows running whatever they cost.
	Measure bool `yaml:"measure"`
	// P99 is by how much the p99 of live requests may be longer with the shadows. Default 300us. Beyond it, shown over
	// some pairs of slices, they are stopped. Too low stops them for noise; too high lets them slow live requests down.
	P99 time.Duration `yaml:"p99"`
	// CPU is by which share the gateway's CPU for each request may be more with the shadows. Default 0.03. Beyond it, likewise, they
	// are stopped. Too low stops them for noise; too high lets them take what live requests need.
	CPU float64 `yaml:"cpu"`
}

func (v *validator) shadow(s *Shadow) {
	between(v, "shadow.sample", s.Sample, 0, 1)
	between(v, "shadow.again", s.Again, 0, 1)
	between(v, "shadow.max_rows", s.MaxRows, 1, 1<<20)
	between(v, "shadow.max_bytes", s.MaxBytes, 64*kibibyte, gibibyte)
	between(v, "shadow.memory", s.Memory, 128*mebibyte, 1<<50) // what a server needs before it loads anything
	between(v, "shadow.in_flight", s.InFlight, 1, 64)
	between(v, "shadow.timeout", s.Timeout, 10*time.Millisecond, 10*time.Minute)
	between(v, "shadow.tax.p99", s.Tax.P99, time.Microsecond, time.Minute)
	between(v, "shadow.tax.cpu", s.Tax.CPU, 0.001, 10)
	seen := map[string]bool{}
	for _, name := range s.Devices {
		if seen[name] {
			v.fault("shadow.devices", fmt.Sprintf("%q", name), "is there twice")
		}
		seen[name] = true
	}
}
