package nvml

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
)

// String names the driver, the newest CUDA that it serves, and the library.
func (d Driver) String() string {
	return fmt.Sprintf("driver %s, CUDA %s, NVML %s", cmp.Or(d.Version, "?"), cmp.Or(d.CUDA, "?"), cmp.Or(d.Library, "?"))
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
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", g.Index, cmp.Or(g.Name, "-"), cmp.Or(g.PCIBusID, "-"), strings.Join(state, "\t"), cmp.Or(g.UUID, "-"))
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
