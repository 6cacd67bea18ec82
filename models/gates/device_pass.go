package gates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/internal/units"
	"sluice/models/bundle"
	"sluice/models/inputs"
)

// devicePass is one device's way through the gates that each device must pass by itself.
type devicePass struct {
	*bundlePass
	device *Device
	// lanes are the scheduler's; the session has one more if beside is set, on which
	// answers are compared while it serves.
	lanes  int
	beside bool
	// lane is where requests run alone.
	lane    int
	session bundle.Session
	// peers are the devices that this one must agree with, proven before; none if it is the
	// first, which settles what the version serves. preferred means that it goes before them.
	peers     []*devicePass
	preferred bool

	golden []inputs.Golden
	rows   []inputs.Request // what invariance proved and warm-up runs; empty if nothing is known
	source string           // where rows come from, for sentences
	// disagrees says how a peer differs from this device, if this is the preferred one.
	disagrees string
	about     DeviceReport
	// cold is what the session's first run of each batch size took.
	cold map[int]time.Duration
}

// devicePass begins the way of a device; beside asks for the lane beside the scheduler's.
func (p *bundlePass) devicePass(d *Device, beside bool) *devicePass {
	return &devicePass{bundlePass: p, device: d, lanes: d.Lanes, beside: beside, about: DeviceReport{Device: d.Name, Lanes: d.Lanes}}
}

// walk runs the gates and notes how they ended. The session is nil unless the device is
// ready.
func (p *devicePass) walk(ctx context.Context) {
	if err := p.device.usable(); err != nil {
		p.about.State, p.about.Reason = Down, err.Error()
		return
	}
	err := runGates(ctx, deviceGates, p, &p.about.Gates)
	if err == nil {
		p.about.State = Placed
		return
	}
	p.close()
	last := p.about.Gates[len(p.about.Gates)-1]
	p.about.State, p.about.Reason = LeftOut, last.Gate+": "+last.Text
	if lost, _ := task.DeviceFailed(err); lost {
		p.about.State = Down
		if err := p.device.usable(); err != nil {
			p.about.Reason = err.Error() // it knows better than the gate
		}
	}
	p.about.Curve, p.about.Target, p.about.Measured = nil, 0, false
}

// load opens the session.
func (p *devicePass) load(ctx context.Context) (Verdict, error) {
	if err := p.open(ctx, p.bundle.Schema); err != nil {
		return Verdict{}, err
	}
	text := units.Count(p.lanes, "lane")
	if p.beside {
		text += " and one for live comparisons"
	}
	return Verdict{Outcome: Passed, Text: text}, nil
}

// open replaces the session by one over another schema.
func (p *devicePass) open(ctx context.Context, s *tensor.Schema) error {
	p.close()
	p.bundle.Schema = s
	b := *p.bundle
	b.Lanes = p.lanes + p.device.Spares
	if p.beside {
		b.Lanes++
	}
	session, err := p.device.Open(ctx, &b)
	if err != nil {
		return fault.Cover(fault.ModelLoadFailed, err, "the model cannot be loaded")
	}
	p.session, p.cold = session, map[int]time.Duration{}
	return p.ladder(s.MaxBatch)
}

// ladder asks the device which sizes it takes, if it does not take any.
func (p *devicePass) ladder(maxBatch int) error {
	p.about.Sizes = nil
	if p.device.Sizes == nil || maxBatch <= 1 {
		return nil
	}
	sizes := p.device.Sizes(maxBatch)
	switch {
	case len(sizes) == 0:
		return nil
	case sizes[0] < 1 || !slices.IsSorted(sizes):
		return fmt.Errorf("BUG: %s takes batches of %v, which are not ascending", p.device.Name, sizes)
	case sizes[len(sizes)-1] < maxBatch:
		return fmt.Errorf("%s takes batches of up to %d rows and max_batch is %d; lower it", p.device.Name, sizes[len(sizes)-1], maxBatch)
	}
	p.about.Sizes = sizes
	return nil
}

func (p *devicePass) close() {
	if p.session != nil {
		p.session.Close() //nolint:errcheck // a session that is thrown away has nothing left to lose
		p.session = nil
	}
}
