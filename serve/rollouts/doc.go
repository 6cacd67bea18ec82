// Package rollouts carries out the plans of package rollout on a gateway: it gathers what the two versions answer, asks the plan for
// its next step, and has the registry write that down and do it, in one generation of the roles. Package serve starts it and
// tells it of every prediction that has ended.
//
// Only the gateway that holds the lease of the roles runs plans, and on the units that it answers itself. Evidence is kept in
// memory: after a restart, or on another gateway that takes the lease, the step of a canary is watched anew, and stands until then.
//
// One goroutine, Run, owns all evidence. Ended, on the request path, puts a few numbers into a bounded channel; what does
// not fit is counted as lost.
package rollouts
