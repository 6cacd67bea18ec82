// Package policy decides which requests run together, when, and on which device. It is a pure
// state machine: its methods take the current instant and return decisions as data. It has no
// goroutine, clock, lock or channel, so that the same code runs in production, in tests, in the
// simulator and over a recorded incident. The same calls make the same decisions. The batcher
// carries the decisions out; the simulator (plan/sim) is the other caller.
//
// The Scheduler owns the queues, the learned cost models and the accounts of the models
// against each other. Callers serialise its methods. Each method that decides appends what
// follows to the caller's Decisions: lanes to wake, items given up, devices that have changed, and
// when to look again. Nothing leaves in another way.
//
// A device may join a model that is in service (Place). What was learned and counted on its other
// devices stays; none leaves but by being closed.
//
// States. An Item is free -> queued -> sealed -> free, or free -> queued -> free when it is
// dropped, cancelled or expired. From a batch that has failed it may go back, sealed -> queued.
// A lane is idle -> (woken) -> active -> idle. A batch is sealed by the lane that runs it in the
// moment that it starts; nothing joins it after.
//
// Several devices. A model lists its devices in order of preference. Identical ones that follow
// each other are peers and count as one (peers.go): an item goes to the peer that is predicted to
// finish it first, and a peer with nothing to do takes what waits for another. An item goes to the
// first that takes work, and spills to a later one if the first is predicted to finish it
// later than a part of its budget before the deadline (0.3, under pressure 0.5; route.go),
// and the later one safely before it. Items that a window drop, a stuck batch, a failed
// batch or a device that goes down would lose are rescued: they move to another device that
// is predicted to be in time (rescue.go). The most urgent items of a stuck batch are hedged:
// they run on an idle lane of another device as well, the first good run of each counts
// (hedge.go), and at most one request in a hundred is. A device is up, broken, probing or
// closed (breaker.go): only an up one takes work; a broken one is probed, after pauses that
// grow, with a copy of an item that another device runs anyway. Work that prefers another
// device gets a bounded share of a device's time (share.go). The constants and their reasons
// are from a simulation that plan/sim repeats.
//
// Runs that hang. A run cannot be ended from outside. One that takes far too long gives its lane's
// place to a spare, and its model runs nothing more on the device until it ends (lend.go).
//
// Promises. What is admitted is protected. A newcomer is refused if it would be late itself, and also
// if it would make an item of its class late that is due after it. Each item has a slack: its deadline
// less the admitted work before it in the order of deadlines (demand.go), less the batch that it runs
// in. The least slack behind a deadline is found in O(log n). Work comes in batches, and is counted so
// that these steps do no harm (promise.go): an item counts with its rows, its part of the fixed cost of
// a full batch, and what it may waste of the batch before. An item is taken to have the time for a full
// batch, so that batches stay full; one that has less time counts with what it may cost the items
// behind it. The first batch is counted as it will be. The test of demand against deadlines is that of Baruah, Rosier and Howell,
// "Algorithms and complexity concerning the preemptive scheduling of periodic, real-time tasks on one
// processor", 1990, with a batch as the blocking time. While all is done before the first deadline nothing
// of this is computed.
//
// An admitted item misses its deadline only for these reasons: a run takes longer than was said when it
// was admitted (its own run than the bound, one before it than the mean, by which sums are counted);
// items of a higher class come after it (displace.go); it or its device is lost; it was a probe. Three
// rare exceptions are by design. A lower class that has earned its turn takes it once it has saved all that it may, even if
// that breaks a promise. A neighbour's part is bounded by its fair share of the wait, not by a test of each of its
// arrivals. And a batch takes later items of its key along, past earlier ones of another key. What becomes
// hopeless when a run takes far too long, or is displaced, is told then (weed.go).
//
// Broken promises teach (headroom.go). Those to long budgets make sums of runs count as longer; those to
// short ones, which a single long run breaks, ask newcomers for a headroom before their deadlines.
//
// Refusals. A request is refused where a queue is full, or where no device is predicted to make its
// deadline. Waiting may help then. It cannot help where even an idle device would take longer than
// the request's whole budget, from its arrival: the reason is BudgetTooShort, and such a request is
// tried now and then all the same (hopeless.go). A model whose preferred device could not load it is Displaced: the device is
// not among its devices, and every answer tells so.
//
// A refused request is told when to come back (retry.go). Short requests leave room for long ones
// while those are refused more often (rows.go), and long budgets for short ones (budgets.go). Only
// newcomers are refused for that.
//
// Failed batches. An error of a batch says nothing about a member of it. Each member of a failed
// batch ends in one of these ways: it runs well; it fails in a run of its own and gets that run's
// error; its deadline passes; it is lost with its device. The lane runs halves of the batch
// again, and theirs, the most urgent first, without those whose deadline has passed
// (batcher/executor_search.go). Such repair runs take at most a quarter of the lane time that the model
// uses on the device, and no other model's deadline (repair.go has the arithmetic). Members for
// which that does not suffice go back to the queue: each waits by its deadline among the other
// work, and runs in a batch of its own. So a member runs alone once on a device, or twice where
// the error does not say that the input is at fault but others ran well without it: the input is
// blamed after the second time. A member that fails alone waits, behind those that have not run
// yet, to see whether others run well. Where nothing runs well, as with a broken model, a batch of
// n costs its own run, n single runs, and the repair runs.
//
// Invariants.
//   - An admitted item comes back exactly once: through Decisions.Dropped or Expired, Cancel, or
//     the last Complete of a batch that it is in.
//   - An item is in at most two batches, on different devices; one that is in a queue is in none.
//   - A request is never answered with the error of a run that had rows of others in it, unless
//     the device was lost.
//   - An item goes to a device that is not its model's first only if that is predicted to
//     finish it before the deadline (probes aside); nothing waits for a device that is down.
//   - A batch is of one model, one shape key and one device, at most MaxBatch rows and no more
//     than any of its items allows (Item.Most: batches of long rows are smaller), and is
//     sealed only if every member is predicted to make its deadline (probes aside).
//   - No lane stays idle while an item that could make its deadline waits for its device,
//     except as DeviceOptions.SpreadAfter says.
//   - Within a model, key and class items are sealed in deadline order, and so are those of a
//     model, class and turn that run alone.
//   - Nothing is allocated per item in steady state.
//
// The worst queue wait. Let a model with equal budgets D, one class and one shape key wait
// for a device of one lane together with M other models of its weight, Q the longest batch
// on the device (each model's at its largest useful size, B for this one: ModelStats'
// Limit), A the rows of its own queue ahead of an item, m <= B the most rows of an item. If
// predictions hold and no batch fails, an admitted item leaves the queue, sealed or dropped,
// after at most
//
//	W = R + N*(1+M)*Q + 6*M*Q    where R <= Q is left of the running batch
//	                             and N = floor(A/(B-m+1))
//
// while W <= D - Q for it and those ahead, and after at most D in any case: then its
// deadline takes it out. Each of the at most N batches before the item's own takes at least
// B-m+1 of the rows ahead, since none is cut short by a deadline; meanwhile each neighbour
// gets as much device time as the model itself, and up to 6*Q more: fairness.go says why,
// and what other weights and more lanes change. A model alone with single rows waits
// R + floor(A/B)*Q: with less than a batch ahead, only for the batch that runs. The
// formula is tight: there is traffic that reaches it for every M and N.
package policy
