package rig

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/memory"
)

// Gateway is a running `sluice serve`.
type Gateway struct {
	*Process
	// Predict and Admin are host:port.
	Predict, Admin string
}

// Options say how a gateway is started.
type Options struct {
	// Binary is the program; Args come after `serve` and the two addresses.
	Binary string
	Args   []string
	// Env is added to this process's.
	Env []string
	// Stdout and Stderr take what it writes; nil keeps it.
	Stdout, Stderr *os.File
	// Command makes the process, as exec.Command does, which nil stands for.
	Command func(name string, args ...string) *exec.Cmd
}

// readyWithin is how long a gateway may take until it is ready.
const readyWithin = time.Minute

// Start runs a gateway and waits until it is ready.
func Start(o Options) (*Gateway, error) {
	g, err := Launch(o)
	if err != nil {
		return nil, err
	}
	if err := g.Await("/v2/health/ready", readyWithin); err != nil {
		g.End()
		return nil, fmt.Errorf("%w\n%s", err, g.Log())
	}
	return g, nil
}

// Launch runs a gateway and does not wait.
func Launch(o Options) (*Gateway, error) {
	predict, err := FreeAddress()
	admin := predict
	for err == nil && admin == predict {
		admin, err = FreeAddress()
	}
	if err != nil {
		return nil, err
	}
	command := o.Command
	if command == nil {
		command = exec.Command
	}
	cmd := command(o.Binary, append([]string{"serve", "--listen", predict, "--admin", admin}, o.Args...)...)
	cmd.Env = append(append(os.Environ(), "ORT_DISABLE_TELEMETRY=1"), o.Env...)
	if o.Stdout != nil {
		cmd.Stdout = o.Stdout
	}
	if o.Stderr != nil {
		cmd.Stderr = o.Stderr
	}
	p, err := Spawn(cmd)
	if err != nil {
		return nil, err
	}
	return &Gateway{Process: p, Predict: predict, Admin: admin}, nil
}

// Await waits until a path of the predict port answers 200.
func (g *Gateway) Await(path string, within time.Duration) error {
	for begun := time.Now(); time.Since(begun) < within; {
		if status, _, err := Get(g.Predict, path); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-g.Done():
			how, _ := g.Ended()
			return fmt.Errorf("the gateway ended before %s answered 200: %s", path, how)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s did not answer 200 within %v", path, within)
}

// Worker is the process of a device; 0 if there is none.
func (g *Gateway) Worker() int {
	for _, pid := range memory.Children(g.PID()) {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(text), "\x00worker\x00") {
			return pid
		}
	}
	return 0
}

// Counters sums a metric of the admin port over its series whose labels hold each of the texts.
func (g *Gateway) Counters(name string, labels ...string) (sum float64, err error) {
	status, text, err := Get(g.Admin, "/metrics")
	if err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("cannot read the metrics: %d %w", status, err)
	}
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		at := strings.LastIndexByte(rest, ' ')
		if slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(rest[:at], l) }) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[at:]), 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read %s: %w", name, err)
		}
		sum += v
	}
	return sum, nil
}

// asker asks for little things; traffic has connections of its own.
var asker = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Get asks for a path of host:port.
func Get(addr, path string) (status int, body string, err error) {
	return read(asker.Get("http://" + addr + path))
}

// Post sends a JSON body.
func Post(addr, path, body string) (status int, answer string, err error) {
	return read(asker.Post("http://"+addr+path, "application/json", strings.NewReader(body)))
}

func read(res *http.Response, err error) (int, string, error) {
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}
