// Package gates proves a bundle before it serves. It owns the load gates (table.go) and the
// report of what they found.
//
// Gates run in this order: files, trial and schema on the bundle; then open, golden, invariance,
// parity and warmup on each of its devices. Each gives one Verdict, a sentence with figures. A gate
// that refuses ends the load. A gate may also change how the version is served (unbatched,
// unpadded); its verdict then says so.
//
// Devices. A version has a session on each device that its model may use, a Placement. The
// first device, in the model's order of preference, that passes its gates settles the
// schema; the others must hold it and give its answers. One on which a gate refuses is
// left out, with its session closed, and the version serves on the rest. A fallback that
// answers differently would be worse than none, so parity leaves a device out like any
// other gate, and says loudly that there is no fallback to it.
//
// A device that is down when a version loads joins it later (Join): the gates run beside the traffic,
// on the lane after the scheduler's, which each session of a version has that live answers are
// compared for.
//
// Loads at the same time share the memory that is left (Share), take turns in measuring, and rest
// where versions serve (Company).
//
// The registry calls Load and Join, and a check of bundles Check. A load belongs to one goroutine;
// loads may go on at the same time.
package gates
