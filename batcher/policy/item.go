package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// Item is what is scheduled: rows of one request, at most a batch of them, never
// split. The caller allocates and pools items; everything that the scheduler needs to
// queue one is inside. From Arrive (if it admits) until the item comes back through
// Decisions.Dropped or Expired, Cancel or Complete it is the scheduler's and must stay as it
// is.
type Item struct {
	Model    ModelID
	Rows     int
	Bytes    int64
	Arrived  clock.Instant
	Deadline clock.Instant
	Class    task.Priority
	// Key separates items that cannot share a batch.
	Key uint64
	// Most is the most rows of a batch with the item's key, at least Rows; 0 means the model's
	// MaxBatch. Equal for equal keys.
	Most int
	// Whole is the rows of the request that the item is a part of; 0 means Rows.
	Whole int
	// Owner is the caller's own; a pointer in it costs no allocation.
	Owner any
	// Device and Detour are set by Arrive and by each move: where the item was queued, and
	// why there if it is not the model's first device.
	Device DeviceID
	Detour Detour

	early  bool // not decoded yet: only Preview sees it
	state  itemState
	runs   uint8 // batches that it is in
	moves  uint8 // from device to device
	turn   Turn
	speaks bool          // its failure alone counts as that of the batch that it was in
	apart  clock.Instant // since when it runs alone
	group  *group

	// Links of the deadline-ordered queue; see queue.go.
	prev, next          *Item
	parent, left, right *Item
	leftRows            int
	weight              uint32
	order               orderNode     // see demand.go
	tight               int           // rows of the batch that it has time for, 0 for a full one
	before              uint64        // rows of higher classes that had come before; see overtaken
	span                time.Duration // of the longest batch when it was queued, 0 for any; see leads

	tried uint32 // devices that have failed it, a bit for each (the 33rd shares the first's)
}

// Waits reports whether the item is in a queue.
func (it *Item) Waits() bool { return it.state == itemQueued }

type itemState uint8

const (
	itemFree   itemState = iota // the caller's
	itemQueued                  // in a queue
	itemSealed                  // in a batch that has not completed
	itemDone                    // likewise, and another batch has run it well
)

// Turn is with what, and after what, an item runs; see repair.go.
type Turn uint8

// The turns.
const (
	TurnShared Turn = iota // in a batch with others
	TurnAlone              // in a batch of its own
	TurnLast               // likewise, when none waits whose turn is TurnAlone
	turns
)

// Reason is why a request was refused or dropped; the set is closed.
type Reason uint8

// The reasons.
const (
	None           Reason = iota
	QueueRows             // the model's bound on waiting rows
	QueueBytes            // the model's bound on waiting bytes
	PredictedLate         // no device is predicted to make the deadline
	Expired               // the deadline has passed
	Closed                // the model takes no more requests
	Cancelled             // the caller has given up
	NoDevice              // every device that the model may use is broken or closed
	BudgetTooShort        // an idle device would need more time than the request has
	Hanging               // a run of the model takes far too long: it runs nothing more until that ends
	Outranked             // requests of a higher class that came later take its time
	Reasons        = iota
)

var reasonNames = [Reasons]string{
	None: "none", QueueRows: "queue_rows", QueueBytes: "queue_bytes", PredictedLate: "predicted_late",
	Expired: "expired", Closed: "closed", Cancelled: "cancelled",
	NoDevice: "no_device", BudgetTooShort: "budget_too_short", Hanging: "hanging", Outranked: "displaced",
}

// String is the reason's name as a metric label.
func (r Reason) String() string { return reasonNames[r] }

// Verdict is the answer to an arrival.
type Verdict struct {
	Admitted bool
	Reason   Reason // why not
	// Wait is the predicted time in the queue, also of a refused request.
	Wait time.Duration
	// Retry is after how long a refused request, asked again with the same rows, class and budget,
	// is predicted to be admitted; 0 if waiting would not help. See retry.go.
	Retry time.Duration
	// Takes is what the request's rows take on an idle device, if the reason is BudgetTooShort.
	Takes time.Duration
}

// Lane names a lane of a device. Lane is -1 for none.
type Lane struct {
	Device DeviceID
	Lane   int
}

var noLane = Lane{Device: -1, Lane: -1}

// Batch is a sealed batch. The caller keeps one per lane and hands it to Next again
// after Complete; its slices are reused.
type Batch struct {
	Model  ModelID
	Device DeviceID
	Lane   int
	// Items in deadline order within each class.
	Items []*Item
	// Rows is the sum of the items' rows, Bucket the size that it is padded to.
	Rows, Bucket int
	// Start is when the batch was sealed, PredictedEnd when it should be complete.
	Start, PredictedEnd clock.Instant
	// Likely is how long the run should take: half of the runs take less. PredictedEnd is its bound.
	Likely time.Duration
	// Probe marks a batch run to correct an estimate by which everything is late.
	Probe bool
	// Alone marks a batch of one item that was in a batch which failed.
	Alone bool
	// Hedge marks a batch of items that run on another device at the same time: the first
	// good run of each counts. An item is the caller's again when its last batch completes.
	Hedge bool

	watch clock.Instant // when to look whether it is stuck; Never where no other device could help
}

func (b *Batch) reset(device DeviceID, lane int) {
	clear(b.Items)
	*b = Batch{Model: -1, Device: device, Lane: lane, Items: b.Items[:0], watch: clock.Never}
}
