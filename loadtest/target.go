package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
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
	if t.PID > 0 && errors.Is(syscall.Kill(t.PID, 0), syscall.ESRCH) {
		return nil, &payload.UsageError{Text: fmt.Sprintf("the target's process is said to be %d, and there is none: give another with --pid, or leave it out", t.PID)}
	}
	a := &aim{target: target, same: watch.SameHost(target.Addr)}
	found, err := lookup(ctx, target.Addr)
	if err != nil {
		return nil, err
	}
	away := func(at netip.AddrPort) bool { return !at.Addr().IsLoopback() }
	if !o.OwnTarget && slices.ContainsFunc(found, away) { // before a single byte is sent there
		return nil, &payload.UsageError{Text: fmt.Sprintf("target %s is not at a loopback address: load only what is yours to load, and say so with --i-own-this-target", t.URL)}
	}
	if a.addr, err = reach(ctx, found); err != nil {
		return nil, err
	}
	a.watched(ctx, t)
	return a, nil
}

// lookup finds the addresses of a target, at least one.
func lookup(ctx context.Context, addr string) (all []netip.AddrPort, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &payload.UsageError{Text: fmt.Sprintf("target %q is no address: give host:port", addr)}
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, &payload.UsageError{Text: fmt.Sprintf("target %q: there is no port %q", addr, port)}
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return nil, &payload.NotReadyError{Text: fmt.Sprintf("cannot find the host %q", host), Cause: err}
	}
	for _, ip := range found {
		all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(number)))
	}
	return all, nil
}

// reachIn is the patience with a host that does not even refuse.
const reachIn = 5 * time.Second

// reach picks the first address that something listens at: a name may have others.
func reach(ctx context.Context, all []netip.AddrPort) (netip.AddrPort, error) {
	var first error
	for _, to := range all {
		c, err := (&net.Dialer{Timeout: reachIn}).DialContext(ctx, "tcp", to.String())
		if err == nil {
			_ = c.Close()
			return to, nil
		}
		if first == nil {
			first = err
		}
	}
	return netip.AddrPort{}, &payload.NotReadyError{Text: "cannot reach the target", Cause: first}
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
		v.Examples = append(v.Examples, r.Examples...)
		v.Examples = v.Examples[:min(len(v.Examples), 10)]
	}
}

// environment is this machine.
func environment(o *Options, aims []*aim) result.Env {
	env := watch.Environment(o.Tool)
	env.Awake = o.Awake
	for _, a := range aims {
		env.SameHost = env.SameHost || a.same
	}
	return env
}
