package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"sluice/internal/child"
	"sluice/internal/cputime"
)

// process is a child that serves until it is stopped.
type process struct {
	*child.Child
	pid  int
	name string
	addr string
	// admin is where a gateway tells of itself; "" if it does not.
	admin string
	log   *os.File
}

const stopLimit = 10 * time.Second

// serve starts a child that listens on a free port, and waits until it answers there with 200 at the path.
func (b *bench) serve(name, ready, binary string, args ...string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(b.dir, name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	p := &process{name: name, addr: addr, log: log}
	cmd := exec.Command(binary, append(args, "--listen", addr)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = b.env()
	if p.Child, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	p.pid = p.PID()
	b.running = append(b.running, p)
	client := http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(b.startLimit()); time.Now().Before(deadline); {
		select {
		case <-p.Done():
			how, _ := p.Ended()
			return nil, fmt.Errorf("%s ended before it was ready (%s)\n%s", name, how, p.tail())
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
func (b *bench) startLimit() time.Duration { return cmp.Or(b.patience, time.Minute) }

// stop ends the child by its id, and for good if it does not listen.
func (p *process) stop() {
	if p == nil {
		return
	}
	p.Stop(stopLimit)
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
func (p *process) cpu() time.Duration { return cpuOf(p.pid) }

// cpuOf is that of a process that runs.
func cpuOf(pid int) time.Duration {
	t, err := cputime.Process(pid)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return t
}

// serveModel starts a gateway of one model, and waits until that is ready.
func (b *bench) serveModel(model string, args ...string) (*process, error) {
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := b.serve("sluice-"+model, "/v2/models/"+model+"/ready", b.binPath, append([]string{"serve", "--admin", admin}, args...)...)
	if err != nil {
		return nil, err
	}
	p.admin = admin
	return p, nil
}

// tell asks a gateway for what it tells of itself, in a form.
func (p *process) tell(path, form string) (text []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot read %s of %s: %w", path, p.name, err)
		}
	}()
	ask, err := http.NewRequest(http.MethodGet, "http://"+p.admin+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	ask.Header.Set("Accept", form)
	client := http.Client{Timeout: askLimit}
	defer client.CloseIdleConnections()
	r, err := client.Do(ask)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", r.StatusCode)
	}
	return io.ReadAll(r.Body)
}

// measure runs this command again as a measuring child and reads the JSON that it prints
// last.
func (b *bench) measure(out any, args ...string) error {
	cmd := exec.Command(b.self, args...)
	cmd.Env = b.env()
	text, said, err := output(cmd)
	if err != nil {
		return fmt.Errorf("%s failed (%w): %s", args[0], err, said)
	}
	if err := json.Unmarshal(lastLine(text), out); err != nil {
		return fmt.Errorf("cannot read what %s measured: %w", args[0], err)
	}
	return nil
}

// output runs a child to its end and returns what it printed, and what it said on standard error, also
// if it failed.
func output(cmd *exec.Cmd) (text []byte, said string, err error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = child.Run(cmd)
	return stdout.Bytes(), strings.TrimSpace(stderr.String()), err
}

func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
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
