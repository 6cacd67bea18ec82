package report

import (
	"fmt"
	"strconv"

	"sluice/loadtest/result"
)

func resources(r *result.Result) part {
	p := part{Title: "Resources in the measured window"}
	if r.Resources == nil {
		return p
	}
	tool, target := &r.Resources.Tool, r.Resources.Target
	p.Table.Head = []string{"", "load tester"}
	processes := []*result.Process{tool}
	if target != nil {
		p.Table.Head = append(p.Table.Head, "target")
		processes = append(processes, target)
	} else {
		p.Lines = []string{"The target's process is not known, so what it used is not known either."}
	}
	line := func(name string, value func(*result.Process) string) {
		cells, known := []string{name}, false
		for _, v := range processes {
			text := value(v)
			known = known || text != none
			cells = append(cells, text)
		}
		if known {
			p.Table.add(cells...)
		}
	}
	line("process", func(v *result.Process) string { return positive(v.PID) })
	line("CPU, cores", func(v *result.Process) string { return cores(v.Cores) })
	line("CPU per request, µs", func(v *result.Process) string { return digitsOrNone(v.CPUPerRequest, false) })
	line("RSS, at most", func(v *result.Process) string { return memory(v.RSSMax) })
	line("PSS, at most", func(v *result.Process) string { return memory(v.PSSMax) })
	line("threads", func(v *result.Process) string { return positive(v.Threads) })
	line("open files", func(v *result.Process) string { return positive(v.FDs) })
	line("voluntary switches per s", func(v *result.Process) string { return grouped(v.Voluntary, 0) })
	line("involuntary switches per s", func(v *result.Process) string { return grouped(v.Involuntary, 0) })
	if target != nil && target.Restarted {
		p.Notes = append(p.Notes, "The target's process was another one at the end than at the start.")
	}
	p.Notes = append(p.Notes, hostNotes(tool, &r.Resources.Host)...)
	return p
}

func hostNotes(tool *result.Process, h *result.Host) []string {
	own := fmt.Sprintf("The load tester's sending thread used %s of a core", cores(tool.PacerCores))
	if tool.RunQueueP99 > 0 || tool.RunQueueShare > 0 {
		own += fmt.Sprintf(" and waited for one %s of the time (p99 of the wait %s)", percent(tool.RunQueueShare), lag(tool.RunQueueP99))
	}
	if tool.GCPauseMax > 0 {
		own += fmt.Sprintf("; its longest GC pause was %s", ms(tool.GCPauseMax))
	}
	host := fmt.Sprintf("The host's cores were busy for %s of the time; %s were stolen by the hypervisor", percent(h.Busy), percent(h.Steal))
	if h.CPUPressure >= 0 {
		host += fmt.Sprintf("; something waited for a core for %s of the time", percent(h.CPUPressure))
	}
	return []string{own + ".", host + "."}
}

func positive(n int) string {
	if n <= 0 {
		return none
	}
	return strconv.Itoa(n)
}

func metrics(r *result.Result) part {
	p := part{Title: "The target's own metrics", Table: pairs()}
	if r.Resources == nil || r.Resources.Metrics == nil {
		return p
	}
	m := r.Resources.Metrics
	add := func(name string, v float64, text string) {
		if v != 0 && finite(v) {
			p.Table.pair(name, text)
		}
	}
	p.Table.pair("read as", m.Source)
	p.Table.pair("accepted", grouped(m.Accepted, 0)+", answered "+grouped(m.Answered, 0))
	p.Table.pair("shed", grouped(m.Sheds, 0))
	p.Table.pair("spilled", grouped(m.Spills, 0)+" to another device")
	add("batch", m.BatchMean, digits(m.BatchMean)+" rows on average")
	add("queue", m.QueueMax, grouped(m.QueueMax, 0)+" requests at most")
	add("GPU", m.GPUMean, percent(m.GPUMean)+" busy on average")
	add("GPU memory", float64(m.GPUMemMax), memory(m.GPUMemMax)+" at most")
	if len(m.Devices) > 0 {
		p.Table.pair("rows", "by device: "+counts(m.Devices))
	}
	return p
}

func environment(r *result.Result) part {
	e := &r.Env
	p := part{Title: "Environment", Table: pairs()}
	p.Table.pair("tool", prefixed("sluice ", e.Tool))
	cpu := e.CPU
	if e.Cores > 0 {
		cpu = fmt.Sprintf("%s, %d cores", cpu, e.Cores)
	}
	awake := ""
	if e.Awake {
		awake = "cores kept from sleeping"
	}
	p.Table.pair("CPU", cpu, prefixed("governor ", e.Governor), awake)
	if e.CPULimit > 0 {
		p.Table.pair("CPU limit", digits(e.CPULimit)+" cores")
	}
	if e.MemoryLimit > 0 {
		p.Table.pair("memory limit", memory(e.MemoryLimit))
	}
	p.Table.pair("kernel", e.Kernel)
	if e.SameHost {
		p.Table.pair("host", "the target shares it: take ratios from this run, not absolute peaks")
	}
	p.Table.pair("start", r.Start)
	if len(r.Argv) > 0 {
		p.Table.pair("command", commandLine(r.Argv))
	}
	return p
}
