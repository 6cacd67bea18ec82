package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"sluice/internal/cputime"
)

// process is a child that serves until it is stopped.
type process struct {
	name   string
	addr   string
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{} // closed when it has ended
}

const stopLimit = 10 * time.Second

// serve starts a child and waits until it answers on addr with 200 at the path.
func (b *bench) serve(name, addr, ready, binary string, args ...string) (*process, error) {
	log, err := os.CreateTemp(b.dir, name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	p := &process{name: name, addr: addr, log: log, cmd: exec.Command(binary, args...), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = b.env()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	b.running = append(b.running, p)
	go func() {
		_ = p.cmd.Wait() // what it has to say is in its log
		close(p.exited)
	}()
	client := http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(b.startLimit()); time.Now().Before(deadline); {
		select {
		case <-p.exited:
			return nil, fmt.Errorf("%s ended before it was ready (%s)\n%s", name, p.cmd.ProcessState, p.tail())
		case <-time.After(50 * time.Millisecond):
		}
		if r, err := client.Get("http://" + addr + ready); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				client.CloseIdleConnections()
				return p, nil
			}
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s was not ready within %v\n%s", name, b.startLimit(), p.tail())
}

// startLimit is how long a server may take until it is ready.
func (b *bench) startLimit() time.Duration {
	if b.patience > 0 {
		return b.patience
	}
	return time.Minute
}

// stop ends the child by its id, and for good if it does not listen.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.exited:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// tail is the end of what the child said.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}

// cpu is the user and system time that the child has used, exact to the nanosecond.
func (p *process) cpu() time.Duration {
	t, err := cputime.Process(p.cmd.Process.Pid)
	if err != nil {
		panic(fmt.Sprintf("BUG: %s: %v", p.name, err))
	}
	return t
}

// measure runs this command again as a measuring child and reads the JSON that it prints
// last.
func (b *bench) measure(out any, args ...string) error {
	cmd := exec.Command(b.self, args...)
	cmd.Env = b.env()
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s failed (%w): %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	if err := json.Unmarshal(lastLine(text), out); err != nil {
		return fmt.Errorf("cannot read what %s measured: %w", args[0], err)
	}
	return nil
}

func lastLine(text []byte) []byte {
	var last []byte
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		last = bytes.Clone(lines.Bytes())
	}
	return last
}

func (b *bench) env() []string {
	return append(os.Environ(), "ORT_DISABLE_TELEMETRY=1", "SLUICE_ONNXRUNTIME="+b.library)
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
