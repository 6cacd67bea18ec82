package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/internal/cost"
)

// DeviceID names a device of a Scheduler, ModelID a model. Ids count up from zero in
// the order of adding and are never used twice.
type (
	DeviceID int32
	ModelID  int32
)

// SchedulerOptions hold for all models and devices. The zero value is good.
type SchedulerOptions struct {
	// ProbeEvery is how often a model that refuses everything runs one request all the
	// same, so that an estimate that is too high can recover; 0 means 100 ms.
	ProbeEvery time.Duration
	// ClassFloor is the share of a model's device time that each lower class is sure of
	// while it has requests waiting; 0 means 0.05.
	ClassFloor float64
	// HangLimit is after how long a run counts as hung, so that its device takes no more
	// work; 0 means 10 s.
	HangLimit time.Duration
	// Answer is what encoding and writing an answer may take. A run of a short budget that ends
	// later than so long before the deadline counts as a broken promise; see headroom.go.
	Answer time.Duration
}

// DeviceOptions describe a place to run.
type DeviceOptions struct {
	Name string
	// Kind is what sort of device it is. Devices of one kind on which a model costs about the
	// same share what arrives for it; "" means like no other.
	Kind string
	// Lanes is how many batches may run at once.
	Lanes int
	// Spares is how many further lanes stand by for those whose runs take far too long: several
	// times what was expected, and well below the hang limit. Such a run goes on, a spare takes its
	// lane's place, and its model runs nothing more on the device until it ends. 0 means none: the
	// lane is lost to all for as long as the run takes. Runners get lane numbers below the sum.
	Spares int
	// SpreadAfter holds work back from a second lane for as long as a running lane is
	// predicted to be free within it, unless a full batch is waiting or a deadline would
	// be lost. 0 starts an idle lane at once. Worth setting where lanes share their cores
	// with the HTTP work, so that an early second lane only makes smaller batches.
	SpreadAfter time.Duration
	// Gap is added to each predicted latency: what the cost curve does not hold, such as
	// waking the lane and writing the answer.
	Gap time.Duration
	// Price is what a second of the device costs against one of another device, for models that prefer
	// the cheapest; 0 means 1.
	Price float64
	// FallbackShare bounds the part of the device's time, from 0 to 1, that goes to models
	// which prefer another device, so that the models that live here and the HTTP work
	// beside it keep the rest. 0 means no bound. Too low: what a lost device leaves behind
	// is refused; too high: everyone here suffers with it.
	FallbackShare float64
	// Stage makes the device one that runs a batch at a time and holds the next one ready: a
	// second batch is sealed, and its runner called on the other lane, so long before the
	// running one should end. About what gathering a batch takes; it needs 2 lanes, and a
	// runner that lets the device run them one after the other. 0 means no stage.
	Stage time.Duration
}

// ModelOptions describe a model and where it runs.
type ModelOptions struct {
	Name string
	// MaxBatch is the most rows of a batch, and of an item.
	MaxBatch int
	// Budget is the budget that requests usually carry. It only bounds the batch size
	// until the first requests show theirs; 0 means no bound until then.
	Budget time.Duration
	// Weight is the model's share of a device against the other models there; 0 means 1.
	Weight float64
	// Devices in order of preference; at least one. Between like ones that follow each other
	// there is none: see DeviceOptions.Kind.
	Devices []ModelDevice
	// MaxQueueRows and MaxQueueBytes bound what waits, over all devices. 0 means 32768
	// rows and 256 MiB. Requests of the lowest class are refused at three quarters. What
	// was running on a device that failed, or in a batch that failed, may come on top.
	MaxQueueRows  int
	MaxQueueBytes int64
	// Fallback says when devices after the first may be used.
	Fallback Fallback
	// Prefer says which device is used where several would be in time. PreferCheapest needs FallbackBudget.
	Prefer Prefer
	// UnfairRows lets short requests fill the queue up to the point where only short ones fit. By
	// default they leave room for long ones: see rows.go.
	UnfairRows bool
	// Displaced says that the model prefers a device that could not load it, so that it is not
	// among Devices: where items run is then told with the reason.
	Displaced bool
}

// ModelDevice is a model on a device.
type ModelDevice struct {
	Device DeviceID
	// Curve seeds the cost model. Without one the first batches are predicted to cost
	// nothing and are learned from.
	Curve cost.Curve
	// Guess says that nothing was measured for Curve, so that no request is told by it, before
	// the first run, that its budget is too short.
	Guess bool
	// Sizes are the batch sizes that the session takes, ascending; a batch is padded to
	// the next one. nil means every size up to MaxBatch.
	Sizes []int
}

const (
	defaultProbeEvery    = 100 * time.Millisecond
	defaultClassFloor    = 0.05
	defaultMaxQueueRows  = 32768
	defaultMaxQueueBytes = 256 << 20
	defaultHangLimit     = 10 * time.Second
)

func (o SchedulerOptions) withDefaults() SchedulerOptions {
	if o.ProbeEvery == 0 {
		o.ProbeEvery = defaultProbeEvery
	}
	if o.ClassFloor == 0 {
		o.ClassFloor = defaultClassFloor
	}
	if o.HangLimit == 0 {
		o.HangLimit = defaultHangLimit
	}
	return o
}

func (o DeviceOptions) validate() error {
	if o.Lanes < 1 {
		return fmt.Errorf("device %q has %d lanes; it needs at least 1", o.Name, o.Lanes)
	}
	if o.Stage < 0 || o.Stage > 0 && o.Lanes != 2 {
		return fmt.Errorf("device %q has a stage of %v and %d lanes; a stage must not be negative and needs 2 lanes", o.Name, o.Stage, o.Lanes)
	}
	if o.Spares < 0 || o.Spares > 0 && o.Stage > 0 {
		return fmt.Errorf("device %q has %d spare lanes; they must not be negative, and a device with a stage has none", o.Name, o.Spares)
	}
	if o.FallbackShare < 0 || o.FallbackShare > 1 {
		return fmt.Errorf("device %q has a fallback share of %g; it must be from 0 to 1", o.Name, o.FallbackShare)
	}
	if !(o.Price >= 0) || math.IsInf(o.Price, 0) {
		return fmt.Errorf("device %q has a price of %g; it must be a number from 0 on", o.Name, o.Price)
	}
	if o.SpreadAfter < 0 || o.Gap < 0 {
		return fmt.Errorf("device %q has a negative duration: spread after %v, gap %v", o.Name, o.SpreadAfter, o.Gap)
	}
	return nil
}

func (o ModelOptions) withDefaults() ModelOptions {
	if o.Weight == 0 {
		o.Weight = 1
	}
	if o.MaxQueueRows == 0 {
		o.MaxQueueRows = defaultMaxQueueRows
	}
	if o.MaxQueueBytes == 0 {
		o.MaxQueueBytes = defaultMaxQueueBytes
	}
	return o
}

// validate reports every fault at once. devices is how many devices there are.
func (o ModelOptions) validate(devices int) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("model %q: "+format, append([]any{o.Name}, args...)...))
	}
	if o.MaxBatch < 1 {
		fault("largest batch is %d rows; it must be at least 1", o.MaxBatch)
	}
	if o.Weight < 0 {
		fault("weight is %g; it must be positive", o.Weight)
	}
	if o.Fallback >= Fallbacks {
		fault("fallback is %d; it must be budget, failure or never", o.Fallback)
	}
	if o.Prefer >= Prefers {
		fault("prefer is %d; it must be order or cheapest-in-budget", o.Prefer)
	}
	if o.Budget < 0 {
		fault("budget is %v; it must not be negative", o.Budget)
	}
	if o.MaxQueueRows < o.MaxBatch {
		fault("queue bound of %d rows is below the largest batch of %d", o.MaxQueueRows, o.MaxBatch)
	}
	if o.MaxQueueBytes < 0 {
		fault("queue bound is %d bytes; it must be positive", o.MaxQueueBytes)
	}
	if len(o.Devices) == 0 {
		fault("no device to run on")
	}
	for i, d := range o.Devices {
		if d.Device < 0 || int(d.Device) >= devices {
			fault("device %d does not exist; there are %d", d.Device, devices)
		}
		if slices.ContainsFunc(o.Devices[:i], func(e ModelDevice) bool { return e.Device == d.Device }) {
			fault("device %d is listed twice", d.Device)
		}
		if !slices.IsSorted(d.Sizes) || len(d.Sizes) > 0 && (d.Sizes[0] < 1 || d.Sizes[len(d.Sizes)-1] < o.MaxBatch) {
			fault("batch sizes %v must ascend from 1 or more up to the largest batch of %d", d.Sizes, o.MaxBatch)
		}
		for _, p := range d.Curve {
			if p.Rows < 1 || p.P50 < 0 {
				fault("cost curve has the point %d rows, %v", p.Rows, p.P50)
			}
		}
	}
	return errors.Join(faults...)
}
