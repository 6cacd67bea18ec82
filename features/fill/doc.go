// Package fill carries out the plan of a model whose inputs are filled (features/spec): it makes the keys of a decoded
// task's entities, asks the engine (features) for their rows, and writes the tensors that runs take.
//
// serve makes a Filler for each model version and a Fill for each request:
//
//	f := filler.Get()
//	ready, err := f.Begin(target, until, waiter)  // false: the waiter hears when the rows have come, or time is up
//	err := f.Complete(target)              // writes to the task
//	counts := f.Counts
//	f.Release()
//
// Ownership. Begin reads the task and writes nothing but what it counts of memory. Complete writes, so whoever calls it has claimed the task. The
// memory of tensors is the task's arena. A Fill is pooled, and nothing is allocated once it has seen its usual load.
//
// A key is the elements of the entities as tensors have them, one behind the other: the two forms are the same bytes.
package fill
