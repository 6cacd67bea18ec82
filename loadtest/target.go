package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/watch"
)

// aim is a target that is ready to be tested: what is sent, what must come back, and what of
// the machine is looked at meanwhile.
type aim struct {
	target  payload.Target
	addr    netip.AddrPort
	parts   []part
	same    bool // on this machine
	pid     int  // 0 if not known
	metrics string
	noted   []string
}

// prepare asks a target for its model, makes requests, learns the right answers and finds out
// what can be watched.
func prepare(ctx context.Context, o *Options, t Target) (*aim, error) {
	a, err := locate(ctx, o, t)
	if err != nil {
		return nil, err
	}
	p, err := build(ctx, a.target, t)
	if err != nil {
		return nil, err
	}
	if err := p.learn(ctx, o, t); err != nil {
		return nil, err
	}
	a.parts = []part{p}
	return a, nil
}

// locate finds a target and what of it can be watched.
func locate(ctx context.Context, o *Options, t Target) (*aim, error) {
	target, err := payload.ParseTarget(t.URL)
	if err != nil {
		return nil, err
	}
	a := &aim{target: target, same: watch.SameHost(target.Addr)}
	if a.addr, err = resolve(ctx, target.Addr, o.OwnTarget); err != nil {
		return nil, err
	}
	a.watched(ctx, t)
	return a, nil
}

// connectPatience is how long a target may take to accept a connection.
const connectPatience = 10 * time.Second

// resolve finds an address that accepts connections. One of another machine is not even tried
// if it is not the caller's own.
func resolve(ctx context.Context, addr string, own bool) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, &payload.UsageError{Text: fmt.Sprintf("target %q is no address: give host:port", addr)}
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, &payload.UsageError{Text: fmt.Sprintf("target %q: there is no port %q", addr, port)}
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return netip.AddrPort{}, &payload.NotReadyError{Text: fmt.Sprintf("cannot find the host %q", host), Cause: err}
	}
	// A name may have addresses that nothing listens on: take the first that answers.
	var failed error
	for _, ip := range found {
		to := netip.AddrPortFrom(ip.Unmap(), uint16(number))
		if !to.Addr().IsLoopback() && !own {
			return netip.AddrPort{}, &payload.UsageError{Text: fmt.Sprintf("target %s is not on this machine: load only what is yours to load, and say so with --i-own-this-target", addr)}
		}
		c, err := (&net.Dialer{Timeout: connectPatience}).DialContext(ctx, "tcp", to.String())
		if err == nil {
			_ = c.Close()
			return to, nil
		}
		failed = errors.Join(failed, err)
	}
	return netip.AddrPort{}, &payload.NotReadyError{Text: "cannot reach the target", Cause: failed}
}

// note tells a view what could not be watched, each thing once.
func (a *aim) note(v View, notes []string) {
	for _, text := range notes {
		if !slices.Contains(a.noted, text) {
			a.noted = append(a.noted, text)
			v.Note(text)
		}
	}
}

// watched finds the target's process and metrics. What is not found is left out.
func (a *aim) watched(ctx context.Context, t Target) {
	a.pid = max(t.PID, 0)
	if t.PID == 0 && a.same {
		a.pid, _ = watch.FindPID(a.addr.String()) // another user's process is not seen
	}
	switch t.Metrics {
	case "":
		if a.same {
			a.metrics, _ = watch.FindMetrics(ctx, a.addr.String(), a.pid)
		}
	case "none":
	default:
		a.metrics = t.Metrics
	}
}

// engineTarget is the target as the engine knows it.
func (a *aim) engineTarget() engine.Target {
	if len(a.parts) == 1 {
		t := engine.Target{Addr: a.addr, Payloads: a.parts[0].set.Payloads}
		if c := a.parts[0].checker; c != nil { // an interface with a nil pointer in it is not nil
			t.Checker = c
		}
		return t
	}
	t := engine.Target{Addr: a.addr}
	var all checkers
	for _, p := range a.parts {
		all = append(all, span{first: len(t.Payloads), checker: p.checker})
		t.Payloads = append(t.Payloads, p.set.Payloads...)
	}
	t.Checker = all
	return t
}

// variants is how many different requests are prepared.
func (a *aim) variants() (n int) {
	for i := range a.parts {
		n += len(a.parts[i].set.Payloads)
	}
	return n
}

// mostInputs is how many kinds of inputs a result lists; a trace may have thousands.
const mostInputs = 20

// describe is the target in a result. It has a part at least.
func (a *aim) describe() result.Target {
	first := &a.parts[0]
	t := result.Target{URL: a.target.Addr, Protocol: first.set.Protocol.String(), Digest: first.digest, PID: a.pid}
	for i := range a.parts {
		p := &a.parts[i]
		for _, text := range p.set.Inputs {
			if len(t.Inputs) < mostInputs && !slices.Contains(t.Inputs, text) {
				t.Inputs = append(t.Inputs, text)
			}
		}
		if m := p.set.Model; m != nil {
			if i == 0 {
				t.Model, t.Version, t.Server = m.Name, m.Version, m.Server
				if t.Version == "" && len(m.Versions) == 1 {
					t.Version = m.Versions[0]
				}
			} else if !slices.Contains(strings.Split(t.Model, ", "), m.Name) {
				t.Model, t.Version, t.Digest = t.Model+", "+m.Name, "", ""
			}
		}
	}
	if first.checker != nil && len(a.parts) == 1 {
		if versions := first.checker.Versions(); len(versions) > 1 {
			t.Versions = versions
		}
	}
	return t
}

// verified is what the comparison of answers found, besides the counts that samples have.
func (a *aim) verified(v *result.Verify) {
	for i := range a.parts {
		p := &a.parts[i]
		if p.checker == nil {
			v.Why = p.why
			continue
		}
		r := p.checker.Report()
		v.Source, v.Tolerance = r.Source, r.Tolerance
		for _, e := range r.Examples {
			if len(v.Examples) < 10 {
				v.Examples = append(v.Examples, e)
			}
		}
	}
}

// environment is this machine.
func environment(o *Options, aims []*aim) result.Env {
	env := watch.Environment(o.Tool)
	if env.Cores == 0 {
		env.Cores = runtime.NumCPU()
	}
	for _, a := range aims {
		env.SameHost = env.SameHost || a.same
	}
	return env
}
