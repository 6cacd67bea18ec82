package shadow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"sluice/internal/cgroup"
	"sluice/internal/child"
	"sluice/internal/memory"
)

// Greeting is what a candidate's process writes to standard output, as one line of JSON, when its versions are loaded or
// refused.
type Greeting struct {
	Versions []Loaded `json:"versions"`
	// NoSplit says why the candidate cannot be asked with the primary's inputs; empty if it can.
	NoSplit string `json:"no_split,omitempty"`
}

// Loaded is one version in a candidate's process; Reason says why it does not serve.
type Loaded struct {
	Model string `json:"model"`
	Side
	Reason string `json:"reason,omitempty"`
}

// lacks says why a version cannot be asked in the process; empty if it can.
func (g *Greeting) lacks(model string, s Side) string {
	for _, v := range g.Versions {
		switch {
		case v.Model != model || v.Version != s.Version:
		case v.Reason != "":
			return v.Reason
		case v.Digest != s.Digest:
			return fmt.Sprintf("its files are others now: their digest is %.12s and was %.12s", v.Digest, s.Digest)
		default:
			return ""
		}
	}
	return "its files are gone"
}

// maxGreeting bounds the first line.
const maxGreeting = 64 << 10

// listener takes a process's standard output: its first line is the greeting.
type listener struct {
	mu   sync.Mutex
	line []byte
	said chan []byte // of size 1; nil once it has been said
}

// Write never fails: a process must not end because of what it says.
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil {
		return len(p), nil
	}
	l.line = append(l.line, p[:min(len(p), maxGreeting-len(l.line))]...)
	line, _, whole := bytes.Cut(l.line, []byte("\n"))
	if whole || len(l.line) == maxGreeting {
		l.said <- line
		l.said = nil
	}
	return len(p), nil
}

// process is a candidate's process.
type process struct {
	*child.Child
	socket string
	said   chan []byte
	tail   child.Tail
	ask    *asker
	hung   atomic.Bool // it was ended because it did not answer

	// cap bounds the memory of the process and of what it starts; nil where this process may make none.
	cap *cgroup.Cap
	// Of the keeper alone: its process and what that has started, as seen at one of the looks.
	tree  []int
	looks int
}

// start starts a process. The command is told the path on which the process has to listen.
func (m *Mirror) start(s *Subject) (p *process, err error) {
	p = &process{said: make(chan []byte, 1)}
	if p.socket, err = m.socketPath(); err != nil {
		return nil, err
	}
	cmd, err := m.o.Command(s, p.socket)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = &listener{said: p.said}, &p.tail
	// A group of its own: what a terminal sends is for the gateway, which ends its candidates itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.Child, err = child.StartIdle(cmd); err != nil {
		return nil, err
	}
	if p.cap, err = cgroup.NewCap(m.o.Memory); err == nil {
		err = p.cap.Add(p.PID())
	}
	if err != nil { // the keeper looks at what it takes in any case
		p.uncap()
	}
	p.ask = &asker{p.socket}
	return p, nil
}

// socketPath is a path for the socket of one process, in a folder that nobody else may enter. There is one folder for all: making and removing
// one for each start took the gateway seconds of CPU on a file system that discards freed blocks at once. The system's folder in memory
// comes first for the same reason.
func (m *Mirror) socketPath() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.sockets == nil {
		var err error
		if m.mu.sockets, err = newSockets("/dev/shm", os.TempDir()); err != nil {
			return "", err
		}
	}
	m.mu.started++
	return filepath.Join(m.mu.sockets.dir, strconv.Itoa(m.mu.started)), nil
}

// pids are the process and what it has started. The control group knows them. The tree has to be read from files of each thread,
// and once somebody has looked at these, the kernel removes its cache of them when the process is waited for: that takes hundreds of
// milliseconds of this process's CPU where a thread of the ended one, which has the lowest priority, is at it already and gets no core.
func (p *process) pids() []int {
	if p.cap != nil {
		return p.cap.Processes()
	}
	return memory.Tree(p.PID())
}

// end kills the process and what it has started, and waits for it.
func (p *process) end() {
	for _, pid := range p.pids() {
		if pid != p.PID() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	p.End()
	p.uncap()
	_ = os.Remove(p.socket)
}

// uncap takes the control group away, if there is one.
func (p *process) uncap() {
	if p.cap != nil {
		_ = p.cap.Remove() // the next one takes away what is left
		p.cap = nil
	}
}

// halt stops the process and what it has started, or lets them go on.
func (p *process) halt(yes bool) {
	signal := syscall.SIGCONT
	if yes {
		signal = syscall.SIGSTOP
	}
	for _, pid := range p.pids() {
		_ = syscall.Kill(pid, signal) // it may have ended
	}
}

// lastWords are the end of what the process said, as one line; errors of the log are for people and may be long.
func (p *process) lastWords() string {
	const most = 300
	words := p.tail.Lines(2)
	if how, ended := p.Ended(); ended {
		words = strings.TrimSuffix(how+": "+words, ": ")
	}
	return strings.ToValidUTF8(words[max(0, len(words)-most):], "")
}

func readGreeting(line []byte) (*Greeting, error) {
	var g Greeting
	if err := json.Unmarshal(line, &g); err != nil {
		return nil, fmt.Errorf("its process does not say what it has loaded: %w", err)
	}
	return &g, nil
}

// resident is what processes have in memory.
func resident(pids []int) (bytes int64) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if fields := strings.Fields(string(text)); err == nil && len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			bytes += pages * int64(os.Getpagesize())
		}
	}
	return bytes
}
