package watch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// files reads the pseudo-files below a root, which is "/" but in tests.
type files string

func (f files) path(name string) string { return filepath.Join(string(f), name) }

func (f files) read(name string) ([]byte, error) { return os.ReadFile(f.path(name)) }

// line is the text of a file of one line, empty if it cannot be read.
func (f files) line(name string) string {
	text, err := f.read(name)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// numbers lists the entries of a directory whose names are numbers: processes, threads, descriptors.
func (f files) numbers(name string) ([]int, error) {
	d, err := os.Open(f.path(name))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	numbers := make([]int, 0, len(names))
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil && n >= 0 {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

func procPath(pid int, name string) string { return "proc/" + strconv.Itoa(pid) + "/" + name }

// stat is what is used of /proc/PID/stat.
type stat struct {
	parent  int
	cpu     uint64 // user and system, in ticks
	threads int
	start   uint64 // in ticks since the machine's start: it tells processes of one id apart
	pages   int64  // resident
}

// parseStat reads /proc/PID/stat, as proc_pid_stat(5) describes it. The name in it is in
// parentheses and may hold anything, more parentheses too.
func parseStat(text []byte) (s stat, err error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, errors.New("no name in parentheses")
	}
	fields := bytes.Fields(text[end+1:]) // from the third field on
	const last = 21
	if len(fields) <= last {
		return stat{}, fmt.Errorf("%d fields after the name, not more than %d", len(fields), last)
	}
	number := func(i int) uint64 {
		n, bad := strconv.ParseUint(string(fields[i]), 10, 64)
		if bad != nil && err == nil {
			err = fmt.Errorf("field %d is %.20q", i+3, fields[i])
		}
		return n
	}
	s.cpu = number(11) + number(12)
	s.start = number(19)
	parent, threads, pages := number(1), number(17), number(last)
	s.parent, s.threads, s.pages = int(min(parent, 1<<31)), int(min(threads, 1<<31)), int64(min(pages, 1<<50))
	return s, err
}

// parseSwitches reads the context switches of a thread from its status.
func parseSwitches(text []byte) (voluntary, involuntary uint64) {
	return field(text, "voluntary_ctxt_switches:"), field(text, "nonvoluntary_ctxt_switches:")
}

// parsePSS reads the proportional set size from smaps_rollup, in bytes.
func parsePSS(text []byte) int64 { return int64(min(field(text, "Pss:"), 1<<50)) << 10 }

// field is the number behind a name at the start of a line; 0 if there is none.
func field(text []byte, name string) uint64 {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		if values := bytes.Fields(rest); len(values) > 0 {
			n, _ := strconv.ParseUint(string(values[0]), 10, 64)
			return n
		}
	}
	return 0
}

// schedule is a thread's account with the kernel's scheduler.
type schedule struct {
	run, wait time.Duration // on a core, and ready but without one
	slices    uint64        // times that it got a core
}

func parseSchedule(text []byte) (schedule, error) {
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return schedule{}, fmt.Errorf("%d fields, not 3", len(fields))
	}
	var v [3]uint64
	for i := range v {
		n, err := strconv.ParseUint(string(fields[i]), 10, 63)
		if err != nil {
			return schedule{}, fmt.Errorf("field %d is %.20q", i+1, fields[i])
		}
		v[i] = n
	}
	return schedule{time.Duration(v[0]), time.Duration(v[1]), v[2]}, nil
}

// processor is the ticks of all cores since the machine's start.
type processor struct{ total, idle, steal uint64 }

// parseProcessor reads the first line of /proc/stat: user nice system idle iowait irq softirq
// steal. What follows (guest) is contained in user.
func parseProcessor(text []byte) (p processor, err error) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return processor{}, errors.New("the first line is not of all cores")
	}
	var v [8]uint64
	for i := range v {
		if v[i], err = strconv.ParseUint(string(fields[i+1]), 10, 56); err != nil {
			return processor{}, fmt.Errorf("field %d is %.20q", i+1, fields[i+1])
		}
		p.total += v[i]
	}
	p.idle, p.steal = v[3]+v[4], v[7]
	return p, nil
}

// parsePressure reads for how long something has waited for a core from /proc/pressure/cpu.
func parsePressure(text []byte) (time.Duration, error) {
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("some ")) {
			continue
		}
		for _, f := range bytes.Fields(line) {
			if total, ok := bytes.CutPrefix(f, []byte("total=")); ok {
				us, err := strconv.ParseUint(string(total), 10, 53)
				if err != nil {
					return 0, fmt.Errorf("total is %.20q", total)
				}
				return time.Duration(us) * time.Microsecond, nil
			}
		}
	}
	return 0, errors.New("there is no total of some")
}

// gone tells a process that has ended from one that may not be looked at.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
