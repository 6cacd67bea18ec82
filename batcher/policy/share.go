package policy

import (
	"time"

	"sluice/internal/clock"
)

// allowance bounds the time of a device that goes to models which prefer another one: a
// token bucket in lane time. It may be overdrawn by a batch; then nothing more comes in
// until the debt is paid.
type allowance struct {
	left time.Duration
	at   clock.Instant
	any  bool
}

// allowanceSpan is for how long an unused allowance is saved.
const allowanceSpan = 100 * time.Millisecond

func (d *device) allowanceRate() float64 { return d.opts.FallbackShare * float64(d.servers()) }

// saved brings the bucket up to date.
func (d *device) saved(now clock.Instant) time.Duration {
	a, rate := &d.allowance, d.allowanceRate()
	most := time.Duration(rate * float64(allowanceSpan))
	switch {
	case !a.any:
		*a = allowance{most, now, true}
	case now > a.at:
		elapsed := min(now.Sub(a.at), time.Hour)
		a.left = min(most, a.left+time.Duration(rate*float64(elapsed)))
		a.at = now
	}
	return a.left
}

// spend charges a guest's batch, or corrects the charge.
func (d *device) spend(now clock.Instant, in *instance, took time.Duration) {
	if in.guest && d.opts.FallbackShare > 0 {
		d.saved(now)
		d.allowance.left -= took
	}
}

// guestWait is how long a guest's next item has to wait for the allowance behind what
// guests have waiting.
func (d *device) guestWait(now clock.Instant) time.Duration {
	debt := -d.saved(now)
	for _, in := range d.busy {
		if in.guest {
			debt += in.backlog()
		}
	}
	if debt <= 0 {
		return 0
	}
	return time.Duration(float64(debt) / d.allowanceRate())
}
