package nvml

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// String is the GPU on one line: "GPU 0: NVIDIA H100 80GB HBM3, 79.6 GiB, SM clock up to 1980 MHz".
func (g GPU) String() string {
	if g.Fault != "" {
		return fmt.Sprintf("GPU %d: %s", g.Index, g.Fault)
	}
	return fmt.Sprintf("GPU %d: %s, %s, SM clock up to %s", g.Index, g.Name, gibibytes(g.Memory), clock(g.MaxSMClock))
}

// String names the driver, the newest CUDA that it serves, and the library.
func (d Driver) String() string {
	or := func(s string) string {
		if s == "" {
			return "?"
		}
		return s
	}
	return fmt.Sprintf("driver %s, CUDA %s, NVML %s", or(d.Version), or(d.CUDA), or(d.Library))
}

// Table is what `sluice devices` prints: the driver, and a line for each GPU with what
// it is and how it is now. An unknown quantity is "-".
func (m *Monitor) Table() string {
	var out strings.Builder
	fmt.Fprintln(&out, m.driver)
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GPU\tNAME\tPCI\tMEMORY USED\tSM CLOCK\tBUSY\tPOWER\tTEMPERATURE\tSLOWED BY\tUUID")
	sample := m.Sample()
	for i, g := range m.gpus {
		s := &sample.GPUs[i]
		state := []string{
			pair(s.MemoryUsed, g.Memory, 1<<30, "GiB", 1),
			pair(s.SMClock, g.MaxSMClock, 1e6, "MHz", 0),
			single(s.Utilization, 0.01, "%"),
			pair(s.Power, s.PowerLimit, 1, "W", 0),
			single(s.Temperature, 1, "°C"),
			slowedBy(s),
		}
		if s.Lost {
			state = []string{"lost", "-", "-", "-", "-", "-"}
		} else if g.Fault != "" {
			state = []string{"unusable", "-", "-", "-", "-", "-"}
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", g.Index, dash(g.Name), dash(g.PCIBusID), strings.Join(state, "\t"), dash(g.UUID))
	}
	if err := table.Flush(); err != nil {
		panic("BUG: a string cannot be written to: " + err.Error())
	}
	for _, g := range m.gpus {
		if g.Fault != "" {
			fmt.Fprintln(&out, g.Fault)
		}
	}
	return out.String()
}

func slowedBy(s *State) string {
	if !s.ReasonsKnown {
		return "-"
	}
	var names []string
	for _, reason := range s.Reasons.List() {
		if reason.Slow && reason.Active {
			names = append(names, reason.Name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ",")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// single is a reading in the given unit.
func single(r Reading, unit float64, name string) string {
	if !r.Known {
		return "-"
	}
	return fmt.Sprintf("%.0f %s", r.Value/unit, name)
}

// pair is a reading beside its limit.
func pair(now, limit Reading, unit float64, name string, digits int) string {
	part := func(r Reading) string {
		if !r.Known {
			return "-"
		}
		return fmt.Sprintf("%.*f", digits, r.Value/unit)
	}
	if !now.Known && !limit.Known {
		return "-"
	}
	return part(now) + "/" + part(limit) + " " + name
}

func gibibytes(r Reading) string {
	if !r.Known {
		return "memory unknown"
	}
	return fmt.Sprintf("%.1f GiB", r.Value/(1<<30))
}

func clock(r Reading) string { return single(r, 1e6, "MHz") }
