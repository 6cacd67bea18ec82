package watch

import (
	"time"

	"github.com/prometheus/procfs"
)

// tree adds up a process and those below it.
type tree struct {
	proc  procfs.FS
	root  int
	alone bool // without those below
	start uint64
	// other says that the root has ended, or that its id is another process's by now.
	other   bool
	members map[int]*member
	// sums of what the members have used since the first look. Counters are kept for each
	// member, so that one that ends does not take away what it has used.
	cpu                    time.Duration
	voluntary, involuntary uint64
}

type member struct {
	start                  uint64
	cpu                    uint64
	voluntary, involuntary uint64
	rss, pss               int64
	threads, fds           int
}

// look reads the tree. thorough also finds new members and reads what is expensive: file
// descriptors, and the proportional set size, for which the kernel walks all page tables.
func (t *tree) look(thorough bool) {
	first := t.members == nil
	if first {
		t.members = map[int]*member{}
	}
	if thorough {
		t.find(first)
	}
	for pid, m := range t.members {
		s, err := statOf(t.proc, pid)
		if err != nil || s.Starttime != m.start {
			t.other = t.other || pid == t.root
			delete(t.members, pid)
			continue
		}
		t.read(pid, m, s, thorough)
	}
}

// find adds the processes that are below the root. What one has used before the first look
// does not count; one that came later counts from its start.
func (t *tree) find(first bool) {
	add := func(pid int, s procfs.ProcStat) {
		if m := t.members[pid]; m != nil && m.start == s.Starttime {
			return
		}
		m := &member{start: s.Starttime}
		if first {
			m.cpu = ticks(s)
			m.voluntary, m.involuntary = t.switches(pid)
		}
		t.members[pid] = m
	}
	root, err := statOf(t.proc, t.root)
	switch {
	case err != nil:
		t.other = true
		return
	case first:
		t.start = root.Starttime
	case root.Starttime != t.start:
		t.other = true
		return
	}
	add(t.root, root)
	if t.alone {
		return
	}
	procs, _ := t.proc.AllProcs()
	all := make(map[int]procfs.ProcStat, len(procs))
	for _, p := range procs {
		if s, err := p.Stat(); err == nil {
			all[p.PID] = s
		}
	}
	for pid, s := range all {
		if pid != t.root && below(all, pid, t.root) {
			add(pid, s)
		}
	}
}

// below reports whether a process descends from another. The list was not read at one instant,
// so it may hold anything, circles too.
func below(all map[int]procfs.ProcStat, pid, root int) bool {
	for range 64 {
		s, ok := all[pid]
		if !ok || pid <= 1 {
			return false
		}
		if pid = s.PPID; pid == root {
			return true
		}
	}
	return false
}

// ticks are those of the processor that a process has used, as user and as system.
func ticks(s procfs.ProcStat) uint64 { return uint64(s.UTime) + uint64(s.STime) }

func (t *tree) read(pid int, m *member, s procfs.ProcStat, thorough bool) {
	if now := ticks(s); now > m.cpu {
		t.cpu += time.Duration(now-m.cpu) * tick
		m.cpu = now
	}
	voluntary, involuntary := t.switches(pid)
	// Threads that end take their switches with them.
	t.voluntary += max(voluntary, m.voluntary) - m.voluntary
	t.involuntary += max(involuntary, m.involuntary) - m.involuntary
	m.voluntary, m.involuntary = voluntary, involuntary
	m.rss, m.threads = int64(s.ResidentMemory()), s.NumThreads
	if !thorough {
		return
	}
	p, err := t.proc.Proc(pid)
	if err != nil {
		return // it has ended
	}
	if n, err := p.FileDescriptorsLen(); err == nil {
		m.fds = n
	}
	if memory, err := p.ProcSMapsRollup(); err == nil {
		m.pss = int64(memory.Pss)
	}
}

// switches adds up a process's threads: its own status tells of its first thread alone.
func (t *tree) switches(pid int) (voluntary, involuntary uint64) {
	threads, _ := t.proc.AllThreads(pid)
	for _, thread := range threads {
		if s, err := thread.NewStatus(); err == nil { // else it has ended
			voluntary, involuntary = voluntary+s.VoluntaryCtxtSwitches, involuntary+s.NonVoluntaryCtxtSwitches
		}
	}
	return voluntary, involuntary
}

// usage is the tree as it is now, with counters as they stand.
type usage struct {
	Usage
	cpu                    time.Duration
	voluntary, involuntary uint64
}

func (t *tree) usage() usage {
	u := usage{Usage: Usage{PID: t.root, Processes: len(t.members), Other: t.other}, cpu: t.cpu, voluntary: t.voluntary, involuntary: t.involuntary}
	for _, m := range t.members {
		u.RSS += m.rss
		u.PSS += m.pss
		u.Threads += m.threads
		u.FDs += m.fds
	}
	return u
}

// since turns counters into rates.
func (u usage) since(before usage, span time.Duration) Usage {
	out, seconds := u.Usage, span.Seconds()
	out.Cores = (u.cpu - before.cpu).Seconds() / seconds
	out.Voluntary = float64(u.voluntary-before.voluntary) / seconds
	out.Involuntary = float64(u.involuntary-before.involuntary) / seconds
	return out
}
