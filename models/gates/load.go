package gates

import (
	"context"
	"fmt"
	"slices"

	"sluice/models/bundle"
)

// Loaded is a bundle that has passed the gates, for another device to open: the copies of what was
// proven. Its settings and its schema do not change any more.
type Loaded struct {
	Bundle   *bundle.Bundle
	graph    *bundle.Graph
	batching bundle.Batching
}

// Company is what a load shares with others that go on in the same process.
type Company struct {
	// Measuring holds a token while warm-up runs: two sweeps at once would measure each other.
	Measuring chan struct{}
	// Serving tells whether requests may be coming, which a load must leave room for.
	Serving func() bool
	// Share is the load's part of the memory; nil takes all.
	Share *Share
}

// Load takes a bundle through the load gates, up to the first refusal. There is no placement after a
// refusal, and at least one otherwise, which the caller closes; they are in order of preference.
func Load(ctx context.Context, opts *Options, b *bundle.Bundle, with Company) ([]*Placement, *Loaded, *Report) {
	p := newBundlePass(opts, b, with)
	placements, report := p.walk(ctx)
	return placements, &Loaded{Bundle: b, graph: p.graph, batching: p.batching}, report
}

// Check takes one bundle through the load gates and throws the sessions away. The bundle can be
// opened until it is discarded, which is the caller's to do.
func Check(ctx context.Context, opts Options, b *bundle.Bundle) (*Report, error) {
	if err := opts.CheckDevices(); err != nil {
		return nil, err
	}
	opts = opts.WithDefaults()
	by := Company{Measuring: make(chan struct{}, 1), Serving: func() bool { return false }} // by itself
	placements, report := newBundlePass(&opts, b, by).walk(ctx)
	for _, p := range placements {
		if err := p.Session.Close(); err != nil {
			return report, fmt.Errorf("cannot close the session of %s on %s: %w", b.Label(), p.Device, err)
		}
	}
	return report, ctx.Err()
}

// Late is what came of the gates of a device that joins a version in service.
type Late struct {
	// Placement is the proven session; nil if the device does not serve the version.
	Placement *Placement
	Device    DeviceReport
	// Disagrees says how devices that serve differ from this one, if it goes before them.
	Disagrees string
}

// Join takes a loaded bundle through the gates of one more device. serving are the placements that it
// must agree with, in order of preference.
func Join(ctx context.Context, opts *Options, l *Loaded, d *Device, serving []*Placement, with Company) *Late {
	b := *l.Bundle
	p := newBundlePass(opts, &b, with)
	p.graph, p.batching = l.graph, l.batching
	q := p.devicePass(d, true)
	returnLanes := q.meet(ctx, serving)
	defer returnLanes()
	if ctx.Err() != nil {
		return &Late{Device: q.about}
	}
	q.walk(ctx)
	late := &Late{Device: q.about, Disagrees: q.disagrees}
	if q.session != nil {
		late.Placement = q.placement()
	}
	return late
}

// meet sets the devices that the late one must agree with: all it will go before, else the
// preferred one. They serve, so they answer on the lane that the scheduler does not use;
// what is returned gives those lanes back.
func (p *devicePass) meet(ctx context.Context, serving []*Placement) (returnLanes func()) {
	all := serving
	devices := p.opts.DevicesOf(&p.bundle.Config)
	rank := func(name string) int {
		return slices.IndexFunc(devices, func(d *Device) bool { return d.Name == name })
	}
	p.preferred = rank(p.device.Name) < rank(all[0].Device)
	if !p.preferred {
		all = all[:1]
	}
	var taken []chan struct{}
	for _, place := range all {
		select {
		case place.Taken <- struct{}{}:
			taken = append(taken, place.Taken)
		case <-ctx.Done():
		}
		p.peers = append(p.peers, &devicePass{bundlePass: p.bundlePass, device: p.opts.Device(place.Device), session: place.Session, lane: place.Beside})
	}
	return func() {
		for _, lane := range taken {
			<-lane
		}
	}
}
