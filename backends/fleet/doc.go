// Package fleet owns the devices of a server: which there are, how each is reached, and whether it
// takes work.
//
// A kind of device is one value of the table in kinds.go; to add a kind is to add a value. A Device is
// one device of the server. It has a worker process of its own or is used in this process, and it
// opens models as sessions.
//
// Whether a device takes work is known here and nowhere else. It follows from three facts, which
// come from those who find them out:
//
//	away    its worker is starting, restarting or closed        (its worker process)
//	fit     sessions can be opened on it: unknown, fit, bare or unusable (see condition)
//	broken  its runs failed or were late                        (the scheduler's breaker)
//
// The scheduler is told of the first two, in the order in which they change; it tells the third back
// by Broken and Restored. A fact is written by the one that finds it out, so that nothing goes in a circle.
//
// Package serve makes a Fleet and is its only caller; Child is for the binary's main, which a worker
// and a trial of a device run in processes of their own. All methods are safe for concurrent use.
package fleet
