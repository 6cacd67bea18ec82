// Package rollout is the plan by which a new version becomes live without anybody's word: it is shadowed, gets a growing share of
// the units, and is live, or goes back. It is a state machine: Plan.Next takes what is written down of a model's plan (State), what
// was seen since (Evidence) and the time, and returns the next step as data. Whoever calls it writes the step down and carries
// it out, both in one generation of the roles, and only if the state is still the one that the decision came from.
//
//	         criteria PASS        units and time reached          last step done
//	(none) ----> shadow ------------> canary 1 ... canary n --------------------> live: the plan is over
//	   \            \                     |    \
//	    \            `--------------------+     `--> returned: rejected; a cool-down, then another version may begin
//	     \                                v
//	      `---- no shadow: canary 1     look: it stands, for a person
//
// A person's promote, canary, rollback or reject ends a plan; hold lets it stand; release lets plans begin again.
//
// Invariants:
//   - A step follows from the one before it, and never from evidence that was gathered under another.
//   - Lost evidence, a lost decision or a decision that comes twice lets the plan stand, and never skips or repeats a step.
//   - Two ways back never follow each other without a person or a version that became live between them: the second one stops at
//     look, takes the units away and rejects nothing.
//
// It has no clock, no lock and no goroutine. Tally, which gathers the evidence of a canary, belongs to one caller at a time.
package rollout
