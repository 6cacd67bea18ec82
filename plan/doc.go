// Package plan answers what-if questions about a fleet: what part of this traffic would be
// answered in time, by which device, and how many devices does an objective take? It runs
// the gateway's own scheduler on a virtual clock (plan/sim) over arrivals that are drawn
// or recorded and devices that are known by their cost tables. It owns the study, its
// outcome, the search for the smallest fleet and the sweeps over load; its child report
// renders them. Tools may call it. It starts no goroutine and reads no clock: an answer is
// a function of the study.
//
// What is not simulated: the network, decoding and encoding (Study.Overhead stands for
// them), devices that take cycles from each other except as Group.Contention says, and
// failures.
package plan
