package watch

import (
	"os"
	"strconv"
	"time"
)

// tree adds up a process and those below it.
type tree struct {
	files files
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
		s, err := t.stat(pid)
		if err != nil || s.start != m.start {
			t.other = t.other || pid == t.root
			delete(t.members, pid)
			continue
		}
		t.read(pid, m, s, thorough)
	}
}

func (t *tree) stat(pid int) (stat, error) {
	text, err := t.files.read(procPath(pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// find adds the processes that are below the root. What one has used before the first look
// does not count; one that came later counts from its start.
func (t *tree) find(first bool) {
	add := func(pid int, s stat) {
		if m := t.members[pid]; m != nil && m.start == s.start {
			return
		}
		m := &member{start: s.start}
		if first {
			m.cpu = s.cpu
			m.voluntary, m.involuntary = t.switches(pid)
		}
		t.members[pid] = m
	}
	root, err := t.stat(t.root)
	switch {
	case err != nil:
		t.other = true
		return
	case first:
		t.start = root.start
	case root.start != t.start:
		t.other = true
		return
	}
	add(t.root, root)
	if t.alone {
		return
	}
	pids, _ := t.files.numbers("proc")
	all := make(map[int]stat, len(pids))
	for _, pid := range pids {
		if s, err := t.stat(pid); err == nil {
			all[pid] = s
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
func below(all map[int]stat, pid, root int) bool {
	for range 64 {
		s, ok := all[pid]
		if !ok || pid <= 1 {
			return false
		}
		if pid = s.parent; pid == root {
			return true
		}
	}
	return false
}

func (t *tree) read(pid int, m *member, s stat, thorough bool) {
	if s.cpu > m.cpu {
		t.cpu += time.Duration(s.cpu-m.cpu) * tick
		m.cpu = s.cpu
	}
	voluntary, involuntary := t.switches(pid)
	// Threads that end take their switches with them.
	t.voluntary += max(voluntary, m.voluntary) - m.voluntary
	t.involuntary += max(involuntary, m.involuntary) - m.involuntary
	m.voluntary, m.involuntary = voluntary, involuntary
	m.rss, m.threads = s.pages*int64(os.Getpagesize()), s.threads
	if !thorough {
		return
	}
	if fds, err := t.files.numbers(procPath(pid, "fd")); err == nil {
		m.fds = len(fds)
	}
	if text, err := t.files.read(procPath(pid, "smaps_rollup")); err == nil {
		m.pss = parsePSS(text)
	}
}

// switches adds up a process's threads: its own status tells of its first thread alone.
func (t *tree) switches(pid int) (voluntary, involuntary uint64) {
	tids, _ := t.files.numbers(procPath(pid, "task"))
	for _, tid := range tids {
		text, err := t.files.read(procPath(pid, "task/"+strconv.Itoa(tid)+"/status"))
		if err != nil {
			continue // it has ended
		}
		v, i := parseSwitches(text)
		voluntary, involuntary = voluntary+v, involuntary+i
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
