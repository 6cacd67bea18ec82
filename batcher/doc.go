// Package batcher decides which requests run together, when, and on which device. It has
// two halves: the Scheduler, a pure state machine, and the Batcher, the thin runtime
// around it.
//
// The Scheduler owns the queues, the learned cost models and the accounts of the models
// against each other. Its methods take the current instant and return decisions as data;
// it has no goroutine, clock, lock or channel, so that the same code runs in production,
// in tests, in the simulator and over a recorded incident. Callers serialise its methods.
// The same calls make the same decisions.
//
// States. An Item is free -> queued -> sealed -> free, or free -> queued -> free when it is
// dropped, cancelled or expired. A lane is idle -> (woken) -> active -> idle. A batch is
// sealed by the lane that runs it in the moment that it starts and never changes after.
//
// Invariants.
//   - An admitted item comes back exactly once: through Batch.Dropped, Cancel, Expire, or
//     Complete.
//   - A batch is of one model, one shape key and one device, at most MaxBatch rows, and is
//     sealed only if every member is predicted to make its deadline (probes aside).
//   - No lane stays idle while an item that could make its deadline waits for its device,
//     except as DeviceOptions.SpreadAfter says.
//   - Within a model, key and class items are sealed in deadline order.
//   - Nothing is allocated per item in steady state.
//
// The worst queue wait. Let a model have one class and equal budgets D, let L be the
// longest prediction of a batch at its largest useful size B (ModelStats' Limit), let A
// rows wait ahead of an item of r rows, let items have at most m <= B rows, let the device
// have one lane and M other models of the same weight with batches of at most L' each.
// An admitted item has left the queue, sealed or refused, after at most
//
//	min(D, R + ceil(A / (B-m+1)) * (L + M*2*L') + M*2*L')
//
// where R <= max(L, L') is what is left of the batch that runs: it leaves at its deadline
// whatever happens; and until then each batch of its own model takes at least B-m+1 of
// the rows ahead (fewer only if more would be too late for one of them), while each
// neighbour gets at most two batches for one. A model alone with single rows waits
// min(D, R + ceil(A/B) * L); with less than a batch ahead, only for the batch that runs.
// More lanes only shorten that.
package batcher
