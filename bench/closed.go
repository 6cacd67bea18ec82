package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Closed loop: wrk keeps so many connections busy, each with one request at a time. It
// finds what a server can do at most, and what a request then costs.

// closedRun is one run of wrk.
type closedRun struct {
	PerSecond  float64 `json:"requests_per_s"`
	CPURequest float64 `json:"cpu_us_per_request"`
	P99        float64 `json:"p99_ms"`
	// Refused is the share of answers that were not good.
	Refused float64 `json:"refused"`
}

// refusedAtMost is the share of answers in a closed loop that a stutter of the machine
// may push past their budget. With more of them the ratio is that of something else.
const refusedAtMost = 0.001

// wrkScript makes wrk send one prepared request and say what happened in JSON.
const wrkScript = `wrk.method = "POST"
local f = io.open(%q, "rb")
wrk.body = f:read("*a")
f:close()
%sfunction done(s, l, r)
  io.write(string.format('\n{"requests":%%d,"micros":%%d,"p99":%%d,"status":%%d,"connect":%%d,"read":%%d,"write":%%d,"timeout":%%d}\n',
    s.requests, s.duration, l:percentile(99), s.errors.status, s.errors.connect, s.errors.read, s.errors.write, s.errors.timeout))
end
`

// wrk loads a server and relates its CPU time to the requests answered.
func (b *bench) wrk(p *process, r request, connections int, length time.Duration) (closedRun, error) {
	script, err := b.script(r)
	if err != nil {
		return closedRun{}, err
	}
	before := p.cpu()
	cmd := exec.Command("wrk", "-t1", fmt.Sprint("-c", connections), fmt.Sprintf("-d%.0fs", length.Seconds()), "-s", script, "http://"+p.addr+r.path)
	text, err := cmd.Output()
	used := p.cpu() - before
	if err != nil {
		return closedRun{}, fmt.Errorf("wrk failed: %w", err)
	}
	var said struct{ Requests, Micros, P99, Status, Connect, Read, Write, Timeout float64 }
	if err := json.Unmarshal(lastLine(text), &said); err != nil {
		return closedRun{}, fmt.Errorf("cannot read what wrk says: %w", err)
	}
	if said.Requests == 0 {
		return closedRun{}, errors.New("wrk got no answer")
	}
	if bad := said.Connect + said.Read + said.Write + said.Timeout; bad > 0 {
		return closedRun{}, fmt.Errorf("wrk against %s with %d connections: %+v", p.name, connections, said)
	}
	return closedRun{said.Requests / said.Micros * 1e6, micros(used) / said.Requests, said.P99 / 1e3, said.Status / said.Requests}, nil
}

func (b *bench) script(r request) (string, error) {
	body, script := filepath.Join(b.dir, r.name+".body"), filepath.Join(b.dir, r.name+".lua")
	var headers strings.Builder
	for _, h := range r.headers {
		fmt.Fprintf(&headers, "wrk.headers[%q] = %q\n", h[0], h[1])
	}
	err := errors.Join(os.WriteFile(body, r.body, 0o644),
		os.WriteFile(script, fmt.Appendf(nil, wrkScript, body, headers.String()), 0o644))
	if err != nil {
		return "", fmt.Errorf("cannot write wrk's script: %w", err)
	}
	return script, nil
}

// Closed is the closed loop's result for one kind of body.
type Closed struct {
	// Ratio is the smaller of the two below.
	Ratio float64 `json:"ratio"`
	// LiveAllocs are the objects that the whole gateway allocated per request.
	LiveAllocs float64      `json:"live_allocs_per_request"`
	RawBest    rawPoint     `json:"raw_best"`
	At         []ClosedPair `json:"connections"`
}

// ClosedPair compares the gateway with the ceiling at one number of connections:
// ratio = (HTTP ceiling + cheapest row) / gateway, in CPU time.
type ClosedPair struct {
	Connections int       `json:"connections"`
	Valid       bool      `json:"valid"` // hardly any request was refused
	Ratio       float64   `json:"ratio"`
	Ceiling     closedRun `json:"ceiling"`
	Sluice      closedRun `json:"sluice"`
}

func (b *bench) binary() (err error) {
	b.result.Binary, err = b.closed(binaryRequest("mlp"))
	return err
}

func (b *bench) json() (err error) {
	b.result.JSON, err = b.closed(jsonRequest("mlp"))
	return err
}

func (b *bench) closed(r request) (*Closed, error) {
	rows, err := b.sweep("mlp")
	if err != nil {
		return nil, err
	}
	gateway, err := b.sluice("mlp")
	if err != nil {
		return nil, err
	}
	limit, err := b.ceilingFor(r, gateway)
	if err != nil {
		return nil, err
	}
	defer limit.stop()
	for _, p := range []*process{limit, gateway} { // warm up
		if _, err := b.wrk(p, r, 64, time.Second); err != nil {
			return nil, err
		}
	}
	out := &Closed{RawBest: rows.cheapest(0)}
	for _, connections := range []int{64, 256} {
		pair, allocs, err := b.pair(r, limit, gateway, connections)
		if err != nil {
			return nil, err
		}
		pair.Ratio = round((pair.Ceiling.CPURequest+out.RawBest.CPURow)/pair.Sluice.CPURequest, 3)
		if out.Ratio == 0 || pair.Ratio < out.Ratio {
			out.Ratio = pair.Ratio
		}
		out.LiveAllocs = max(out.LiveAllocs, round(allocs, 3))
		out.At = append(out.At, pair)
	}
	return out, nil
}

// pair lets the two servers take turns.
func (b *bench) pair(r request, limit, gateway *process, connections int) (ClosedPair, float64, error) {
	length := b.pick(5*time.Second, 2*time.Second)
	var ceilings, gateways []closedRun
	var allocs []float64
	for range b.repeats() {
		run, err := b.wrk(limit, r, connections, length)
		if err != nil {
			return ClosedPair{}, 0, err
		}
		ceilings = append(ceilings, run)
		before, err := b.mallocs("mlp")
		if err != nil {
			return ClosedPair{}, 0, err
		}
		if run, err = b.wrk(gateway, r, connections, length); err != nil {
			return ClosedPair{}, 0, err
		}
		gateways = append(gateways, run)
		after, err := b.mallocs("mlp")
		if err != nil {
			return ClosedPair{}, 0, err
		}
		allocs = append(allocs, (after-before)/(run.PerSecond*length.Seconds()))
	}
	pair := ClosedPair{Connections: connections, Ceiling: typical(ceilings), Sluice: typical(gateways)}
	pair.Valid = pair.Sluice.Refused <= refusedAtMost
	return pair, median(allocs), nil
}

func typical(runs []closedRun) closedRun {
	return closedRun{
		round(medianOf(runs, func(r closedRun) float64 { return r.PerSecond }), 0),
		round(medianOf(runs, func(r closedRun) float64 { return r.CPURequest }), 2),
		round(medianOf(runs, func(r closedRun) float64 { return r.P99 }), 3),
		round(medianOf(runs, func(r closedRun) float64 { return r.Refused }), 6),
	}
}
