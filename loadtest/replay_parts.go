package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/task"
	"sluice/internal/trace"
	"sluice/loadtest/engine"
	"sluice/loadtest/load"
	"sluice/loadtest/payload"
)

// replayed prepares the payloads of a trace.
type replayed struct {
	o      *ReplayOptions
	aim    *aim
	models map[string]*payload.Model
	bodies map[string]*trace.Payload // by key
	spans  []load.Span
}

// parts prepares payloads for every kind of request in the trace.
func (o *ReplayOptions) parts(ctx context.Context, a *aim, s *load.Schedule) error {
	r := replayed{o: o, aim: a, models: map[string]*payload.Model{}}
	if s.Kinds == nil { // instants alone
		s.Kinds = []load.Kind{{Model: o.Target.Model}}
		p, err := build(ctx, a.target, o.Target)
		if err != nil {
			return err
		}
		if err := r.add(ctx, p, nil); err != nil {
			return err
		}
	} else if o.Target.Expect != "" {
		return usage(fmt.Errorf("%s knows the answers to one kind of request, and each kind in the trace gets payloads of its own: leave it out, and the target is asked", o.Target.Expect))
	} else if err := r.all(ctx, s.Kinds); err != nil {
		return err
	}
	if err := s.Assign(o.Seed, r.spans); err != nil {
		return usage(err)
	}
	return nil
}

// all prepares drawn payloads for each kind, and the recorded ones of each model together.
func (r *replayed) all(ctx context.Context, kinds []load.Kind) error {
	if err := r.read(kinds); err != nil {
		return err
	}
	r.spans = make([]load.Span, len(kinds))
	recorded := map[string][]int{}
	var order []string
	for i := range kinds {
		k := &kinds[i]
		if _, err := r.model(ctx, k.Model); err != nil {
			return fmt.Errorf("line %d of the trace: %w", k.Line, err)
		}
		if k.Payload != "" {
			if recorded[k.Model] == nil {
				order = append(order, k.Model)
			}
			recorded[k.Model] = append(recorded[k.Model], i)
			continue
		}
		p, err := r.drawn(k, len(kinds))
		if err == nil {
			err = r.add(ctx, p, []int{i})
		}
		if err != nil {
			return fmt.Errorf("line %d of the trace: %w", k.Line, err)
		}
	}
	for _, model := range order {
		p, err := r.recorded(model, kinds, recorded[model])
		if err == nil {
			err = r.add(ctx, p, recorded[model])
		}
		if err != nil {
			return fmt.Errorf("the recorded requests of model %q: %w", model, err)
		}
	}
	return nil
}

// add makes a part of the target out of what was prepared for kinds: all of it for the one, or
// one payload for each.
func (r *replayed) add(ctx context.Context, p part, kinds []int) error {
	if err := p.learn(ctx, &r.o.Options, r.o.Target); err != nil {
		return err
	}
	first, n := r.aim.variants(), len(p.set.Payloads)
	r.aim.parts = append(r.aim.parts, p)
	switch {
	case kinds == nil:
		r.spans = []load.Span{{First: first, N: n}}
	case len(kinds) == 1:
		r.spans[kinds[0]] = load.Span{First: first, N: n}
	default:
		for i, k := range kinds {
			r.spans[k] = load.Span{First: first + i, N: 1}
		}
	}
	return nil
}

func (r *replayed) model(ctx context.Context, name string) (*payload.Model, error) {
	if m := r.models[name]; m != nil {
		return m, nil
	}
	m, err := r.o.Target.discover(ctx, name)
	if err == nil {
		r.models[name] = m
	}
	return m, err
}

// leastVariants are prepared for each kind of request, if there are many kinds.
const leastVariants = 4

// drawn prepares payloads of a kind's size.
func (r *replayed) drawn(k *load.Kind, kinds int) (part, error) {
	o := r.o.Target.Payload
	o.Variants = cmp.Or(o.Variants, max(leastVariants, 256/kinds))
	if k.Budget > 0 {
		o.Budget = k.Budget
	}
	if k.Priority != task.Normal { // the protocol counts from 1, the highest
		o.Priority = uint64(k.Priority) + 1
	}
	if !strings.HasPrefix(o.Source, "golden:") && !strings.HasPrefix(o.Source, "npy:") {
		_, rows, err := payload.ParseDim("batch=" + strconv.Itoa(k.Rows))
		if err != nil {
			return part{}, err
		}
		dims := map[string]payload.Dim{"batch": rows}
		for key, d := range o.Dims {
			if key != "batch" {
				dims[key] = d
			}
		}
		o.Dims = dims
	}
	m := r.models[k.Model]
	set, err := payload.Build(m, o)
	return part{set: set, digest: m.Digest}, err
}

// read reads the recorded bodies that kinds refer to.
func (r *replayed) read(kinds []load.Kind) error {
	if !slices.ContainsFunc(kinds, func(k load.Kind) bool { return k.Payload != "" }) {
		return nil
	}
	var err error
	if r.bodies, err = trace.LoadPayloads(r.o.Trace, mostBodies); err != nil {
		return usage(err)
	}
	return nil
}

// mostBodies bounds the memory of recorded requests.
const mostBodies = 2 << 30

// recorded prepares the very requests that were recorded of a model.
func (r *replayed) recorded(model string, kinds []load.Kind, of []int) (part, error) {
	m := r.models[model]
	set := &payload.Set{Target: r.aim.target, Protocol: payload.JSON, Model: m, Inputs: []string{fmt.Sprintf("%d recorded requests", len(of))}}
	for _, i := range of {
		k := &kinds[i]
		p := r.bodies[k.Payload]
		if p == nil {
			return part{}, usage(fmt.Errorf("line %d of the trace refers to the payload %.40q, which is not in %s", k.Line, k.Payload, trace.PayloadsPath(r.o.Trace)))
		}
		if p.Protocol == "v1" {
			set.Protocol = payload.V1
		}
		set.Payloads = append(set.Payloads, engine.Payload{Bytes: rawRequest(r.aim.target, model, k, p), ID: -1})
		set.Rows = append(set.Rows, payload.Row{Identity: -1})
	}
	return part{set: set, digest: m.Digest}, nil
}

// rawRequest is a recorded request as it is sent again.
func rawRequest(t payload.Target, model string, k *load.Kind, p *trace.Payload) []byte {
	path := "/v2/models/" + model + "/infer"
	if p.Protocol == "v1" {
		path = "/v1/models/" + model + ":predict"
	}
	b := fmt.Appendf(nil, "POST %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice-loadtest\r\nContent-Length: %d\r\n", t.Base, path, t.Host, len(p.Body))
	field := func(name, value string) {
		if value != "" {
			b = fmt.Appendf(b, "%s: %s\r\n", name, value)
		}
	}
	field("Content-Type", p.Type)
	field("Content-Encoding", p.Encoding)
	if p.Header >= 0 {
		field("Inference-Header-Content-Length", strconv.FormatInt(p.Header, 10))
	}
	if k.Budget > 0 {
		field("Sluice-Budget-Ms", strconv.FormatFloat(k.Budget.Seconds()*1000, 'f', -1, 64))
	}
	return append(append(b, "\r\n"...), p.Body...)
}
