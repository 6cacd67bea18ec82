package load

import (
	"context"

	"sluice/features/native"
	"sluice/features/store"
)

// Writer is one view in a store with generations. features/redis, features/postgres and features/embedded have one each.
//
// A store has at most three generations of a view: the visible one, which readers see; the previous one, which is the way
// back; and the loading one. Every method is atomic: after a kill at any point all of what it does is there, or nothing of it is.
// One goroutine uses a Writer at a time; writers of other processes may work on the same view meanwhile.
//
// Rows are compared by the time that they hold (native.Header): of two the newer one stays, whoever writes first.
type Writer interface {
	// Begin resumes the load of a source, or begins a generation for it. What an unfinished load of another source has left
	// is removed, and so is a previous generation that nobody has read for ten seconds. The store keeps the schema's record.
	Begin(ctx context.Context, source string, schema *native.Schema) (store.Standing, error)
	// Write adds rows, sorted by key, to the loading generation, and counts them. from is how many rows are committed: Write
	// refuses if it is not, because then another load is under way. A row that is there already stays if its time is
	// newer: an upsert may have come first. Of equal times the source's row wins.
	Write(ctx context.Context, from int64, rows []store.Record) error
	// Read reads rows of the loading generation back. It calls each for those that are there, in any order, with the index of the
	// key; keys are sorted, and value is good until each returns.
	Read(ctx context.Context, keys [][]byte, each func(i int, value []byte)) error
	// Flip makes the loading generation the visible one, and the visible one the previous one.
	Flip(ctx context.Context) error
	// Rollback makes the previous generation the visible one, and the other way round.
	Rollback(ctx context.Context) error
	// Upsert writes rows, sorted by key and none twice, to the visible and to the loading generation. A row that is there already
	// stays unless its time is older. The store keeps the schema's record.
	Upsert(ctx context.Context, schema *native.Schema, rows []store.Record) error
	// Close ends the writer; a load that is not finished can be resumed.
	Close() error
}
