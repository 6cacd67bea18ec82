// Package models owns model bundles: finding them on disk, proving them before they
// serve, and moving traffic between their versions without a failed request.
//
// A bundle is one version of one model: the folder DIR/<name>/<version> with
// model.onnx and, optionally, model.yaml, golden.jsonl and external data files. A model of
// one version may do without that folder, or be a file, DIR/<name>.onnx. Its identity is the
// SHA-256 over the names and contents of its files. Versions are immutable: files that
// change under a loaded version are reported, never served.
//
// The files are copied to a private folder while they are hashed, and loaded from there (Copies).
// This process parses none of them but config.pbtxt, which says where versions are, and golden rows,
// within narrow limits: the trial process parses the rest, before it touches the library, and what
// it says is not believed further than it can be checked (description).
//
// Beside a model's versions may lie Triton's config.pbtxt and the labels that it names. Each
// version's identity has them too. TritonFields says what becomes of each field; what the
// file says of shapes is held against the model file before anything is derived from that.
//
// States of a version:
//
//	DISCOVERED --> LOADING --> READY --> DRAINING --> UNLOADED
//	     ^            |  ^                                |
//	     |            v  +--------------------------------+
//	     +--------- FAILED
//
// A FAILED version is tried again when its files change or on Load; an UNLOADED one is
// loaded again on Load or when the newer version that replaced it goes away.
//
// LOADING means that the load gates run, in this order: files, trial and schema on the
// bundle; then open, golden, invariance, parity and warmup on each of its devices. Each
// gives one Verdict, a sentence with figures. A refusal ends in FAILED; whatever served
// before goes on serving. A gate may also change how the version is served (unbatched,
// unpadded); its verdict then says so.
//
// Rows of several requests share runs only where something shows that they may (Batching): the
// graph proves it (Independence), or a test of rows that differ shows it and the watch goes on
// looking. What outputs are is learned from runs in the trial process (Observation) and not
// believed from the file.
//
// Devices. A version has a session on each device that its model may use, a Placement. The
// first device, in the model's order of preference, that passes its gates settles the
// schema; the others must hold it and give its answers. One on which a gate refuses is
// left out, with its session closed, and the version serves on the rest. A fallback that
// answers differently would be worse than none, so parity leaves a device out like any
// other gate, and says loudly that there is no fallback to it.
//
// A device that is down when a version loads joins it later: whoever owns the device calls
// Attach once it can be had, the gates run beside the traffic, and OnPlacement hands the
// proven session to the scheduler. So a worker that restarts keeps no model from being
// served on the CPU. A session that exists already stays its device's to restore.
//
// Watch. While a version serves, some of its live answers are compared (Watch): with those of
// rows that run alone, where it is batched, and with those of a fallback device. What is
// refuted is switched off for the version at once, and remembered for its bundle (refutations).
// This and late joins run on a lane of their own, the one after the scheduler's: each session
// of such a version is opened with one lane more, which costs the memory of one lane, and the
// version holds at most 4 MiB of copied rows. A version that is not batched has neither on one
// device.
//
// Roles. The live version of a model is its highest READY one, and requests without a
// version go to it. The newest KeepVersions versions stay loaded (default 1); a version
// that falls out of that window drains once all inside it are READY, so a swap never
// leaves a gap. A role is resolved in one place, the view, which is where further roles
// belong.
//
// Lengths. What a row takes of memory grows with its free axes. The trial process weighs rows of
// rising length (Weighing), and a quadratic through them bounds each axis so that one row takes an
// eighth of the memory ceiling at most; model.yaml may say otherwise. tensor.Lengths has the bounds,
// decoders refuse what is longer, and batches of long rows are cut so that a run stays within the
// same eighth. Nothing that happens while rows are weighed speaks against a model.
//
// Budget. What requests have that name none is settled when a version loads, by its model.yaml, the
// settings, or a multiple of what one row took on the preferred device, and then stays.
//
// Readiness. Ready holds once every model that was there at the start has been loaded or refused,
// at least one can be asked, and each model of Options.Require has a READY version.
//
// A version that serves is retired for the sake of its model's config.pbtxt only once that file has
// stayed the same for Options.Settle and can be read: whoever edits it may have written half of it.
//
// Invariants:
//   - Acquire takes no lock and does not allocate. It reads one atomic snapshot and
//     counts a pin on the version; Release takes the pin back.
//   - A version is closed only after it left the snapshot and its pins are gone, or the
//     drain deadline has passed.
//   - A session is closed once: by the version if it was placed before the version was
//     closed, else by who opened it.
//   - One mutex guards all control state, one in each version its list of placements, one
//     in its watch what is compared, and one what is remembered; no two are held together.
//     Nothing is called out under them: loading, draining, files and logging happen outside.
//   - Every goroutine belongs to the Registry; Close waits for all of them, as long as
//     its context lasts.
//
// The package imports no stage. The command that joins the parts injects the devices, how
// a trial load runs and how a version is published to the scheduler.
// All methods of Registry may be called from any goroutine.
package models
