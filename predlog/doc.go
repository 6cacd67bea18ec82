// Package predlog keeps a record of answers: for each request that is chosen, what was asked, what came of it
// and how long each stage took. It owns the choice, the way from the request path to the disk, and the folder.
// It knows neither a transport nor a model: whoever joins it fills a Record and calls Writer.Take.
//
// Which requests: a base sample, drawn by the writer's own random numbers (math/rand/v2) and never by the client's
// id; besides, each kind (failed, refused, late, degraded, worst) up to so many a second. A row of the sample has
// the weight 1/p, every other row 0 and the kind it was kept for, so that sums by weight are not biased by the
// kinds. With Options.Index every other request has a record too, without tensors.
//
// The way: Take encodes a record into a reused buffer and puts it into a bounded queue (queue.go); one goroutine
// appends the queue to a spool and syncs it each second (loop.go, segment.go); another one, of low priority, makes
// a Parquet file of each spool that is full or aged, and keeps the folder within its size and age (convert.go,
// folder.go). Take never waits for either: what does not fit is dropped and counted by its reason.
//
// A folder belongs to one writer, which holds a lock on it. Its files, with the instant in UTC at which they begin:
//
//	current-STAMP.spool           being written, or left behind by a process that was killed
//	STAMP.spool                   complete, to be converted
//	predictions-STAMP.parquet     converted, see package table
//	predictions-*.tmp             being converted, or left behind
//
// States of a Writer: writing (Start) -> closed (Close), for good. A disk that fails costs records and no state:
// the writer goes on as soon as the disk does.
//
// Invariants: Take allocates nothing in steady state, and keeps nothing of a Record; every record that was seen is
// written, dropped or waiting, and after Close with a disk that works, written + dropped = seen exactly; an input
// that is to be redacted never reaches the queue as it came; what was written is on the disk one second later, and
// survives the process at once; a spool is removed after its Parquet file has its name.
package predlog
