// Package models owns the versions of models: finding them, proving them before they serve, and
// moving traffic between them without a failed request.
//
// The packages below it have the rest, each knowing those before it alone: bundle (files, settings, what
// the model file shows), inputs (requests that prove something), trial (a child process), gates (the
// load gates and their report). Versions are immutable: files that change under a loaded version are
// reported, never served.
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
// LOADING means that the load gates run, see gates. A refusal ends in FAILED; whatever served
// before goes on serving.
//
// Devices. A version has a session on each device that its model may use, a gates.Placement. A device
// that is down when a version loads joins it later: whoever owns the device calls
// Attach once it can be had, the gates run beside the traffic, and OnPlacement hands the
// proven session to the scheduler. So a worker that restarts keeps no model from being
// served on the CPU. A session that exists already stays its device's to restore.
//
// Comparing. While a version serves, some of its live answers are compared (Comparer): with those of
// rows that run alone, where it is batched, and with those of a fallback device. What is
// refuted is switched off for the version at once, and remembered for its bundle (refutations).
// This and late joins run on a lane of their own, the one after the scheduler's: each session
// of such a version is opened with one lane more, which costs the memory of one lane, and the
// version holds at most 4 MiB of copied rows. A version that is not batched has neither on one
// device.
//
// Roles (package roles has the record, lifecycle.go what follows by itself, change.go what somebody asks for).
// Requests without a version go to the live one. A proven version that is newer than it, and than all that were
// rejected, becomes live with PromoteNewest, and else waits as a candidate. What was live before is the previous
// version, and stays loaded where Options.KeepPrevious says so; Rollback makes it live in one step, and rejects what was.
// Versions with a role stay loaded, a candidate too, and for their age alone as many as KeepVersions (default 1)
// leaves. Any other drains once all of these are READY, so a swap never leaves a gap. The view is where a role is
// resolved. A change is written to the record first, and then made true by one new view.
// A canary has a share of the units of the requests without a version (split.go). The live version leads to it, since it is
// chosen only when a request has been decoded. Newer versions wait while there is one.
//
// Settings of a model. Its own model.yaml is no part of a version. When it changes, each READY version is loaded once
// more beside itself (reload.go): what passes takes the place of the one that serves, which drains, and has its
// roles; what is refused changes nothing until the file changes again, or on Load. promote and keep_previous are
// the model's from the load of a version on, and before that, or where it does not say, the server's.
//
// Memory. For a load that is refused for want of memory a version is unloaded that is READY only because it is a
// previous one, of any model, and the load is tried once more (plan.go).
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
//     in its comparer what is compared, and one what is remembered; no two are held together.
//     Nothing is called out under them: loading, draining, files and logging happen outside.
//   - Every goroutine belongs to the Registry; Close waits for all of them, as long as
//     its context lasts.
//
// The package imports no stage. The command that joins the parts injects the devices, how
// a trial load runs and how a version is published to the scheduler.
// All methods of Registry may be called from any goroutine.
package models

//go:generate go generate ./bundle
