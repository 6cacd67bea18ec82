// Package features reads rows of features on behalf of requests: from its cache, or from the stores under a
// deadline. It owns the cache, the reads that are under way, and a breaker for each store. What fills a request's
// tensors calls it; stores (features/redis, features/postgres, features/embedded) are given to it.
//
// Use:
//
//	e, err := features.New(features.Options{Log: log, CacheBytes: 64 << 20})
//	err = e.AddStore("hot", st, features.StoreOptions{})           // the engine closes it
//	g, err := e.Group("hot", group, features.GroupOptions{Budget: 4 * time.Millisecond, MaxAge: 2 * time.Hour, TTL: 30 * time.Second})
//
//	f := e.Fetch()                          // one for each request; pooled
//	slot := f.Add(g, key)                   // the key is copied; equal keys of a group have one slot
//	if f.Start(deadline, waiter) {          // true: all is here, and waiter.Fetched is never called
//		row := f.Row(slot)                  // Values, States, Status, Cached, Age
//		f.Release()                         // nothing of a row is good afterwards
//	}                                       // false: waiter.Fetched is called once, on a goroutine of its own, perhaps before Start returns
//
//	g.Release()
//	err = e.Close()
//
// A request leaves at its own limit, which is the earlier of its deadline and its group's budget. A read of a store runs
// detached from the requests that wait for it, for at most the group's budget. It lives on when they leave, and what it
// brings late still fills the cache. At its own limit a read ends, too: Read returns then, and a store.Lingerer is left behind,
// with the memory of the read.
//
// A key's way: Start looks it up in the cache. If it is not there, Start joins a read that has the key, or gives
// the key to the group's newest read that has not begun. Such a read begins at once when no other of its group is under
// way, and otherwise when it has FlushKeys keys, when Window has passed, or when the last read that is under way ends.
//
// States of a read:
//
//	waiting --> under way --> delivered --> kept --> pooled
//	   |                          ^
//	   +--- (refused, expired) ---+
//
// Invariants:
//   - Fetched is called once for each Start that returned false, unless Cancel has returned true. Start and Cancel never
//     wait for a store, and nobody waits for Fetched to return.
//   - A fetch that has ended does not change any more. What a read delivers to it afterwards is ignored.
//   - There is one read under way for each key, unless that one has taken longer than 99 of 100 reads of its store.
//   - A row that its reader has not completed reaches neither a request nor the cache.
//   - Rows in the cache do not change. Whether a row is stale is judged when its fetch has ended, by its event time.
//   - Reads under way and keys that wait are bounded for each group, rows in the cache in bytes. Reads that were left behind are bounded
//     by their store.
//   - No lock is held while a store, a waiter or another part of the engine is called, and no two at a time.
//   - In steady state nothing is allocated for a request that the cache answers, nor for a read of a group that is not
//     cached. A row that is put into the cache takes three allocations there, four if it is incomplete.
//
// Timers of the runtime fire up to a millisecond late in an idle process on Linux. So does a request's limit, and the
// window in which keys wait.
//
// Any number of goroutines may call an Engine and its Groups. A Fetch belongs to one request.
package features
