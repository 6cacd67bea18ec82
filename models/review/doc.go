// Package review looks at versions on record for whoever is about to promote one: what it changes against another
// version (Diff), and whether the files of each are still those that were proven (Verify). It changes nothing.
//
// A difference is put together from the reports of the load gates, which hold what was learned when each version was
// loaded, and from a replay: the golden rows of each of the two run on the other one, if both are loaded and a client
// cannot tell their schemas apart. A replayed request has the lowest class, shares no batch with a client's, and is
// bounded in number and time. What is not known is left out, with the reason.
//
// Files are hashed where they lie. Nothing is copied, and nothing is parsed.
//
// Invariants:
//   - One replay and one verification go on at a time.
//   - A version is pinned while it is replayed on, and at no other time.
//
// The package reads the registry through its public methods, and keeps nothing beside the two locks above. Its methods may
// be called from any goroutine; each ends with its context, a run or a file later.
package review
