// Package roles knows which version of each model is live, which was so before, which one is tried with a
// share of the requests, which ones shadow it and which ones were rejected, and it keeps the record of
// how that came about. It knows no registry, loads nothing and speaks no protocol: whoever owns the
// registry reads State, acts when Changed closes, and calls Change for every step.
//
// The state is a row of generations, each a whole State with a number. A generation never changes. A
// version is named by its name and the SHA-256 of its bundle, so that other files under the same name
// are another version. Share is a part of one, of the units that requests belong to.
//
// # In memory, or in a folder
//
// Without a folder a store is the only holder and forgets everything at its end. With one, several
// gateways may share it. One of them holds the lease and alone publishes; the others follow.
//
// States of a store with a folder:
//
//	            another generation with          the holder's counter stood still for
//	            a holder that is not we          Expiry, or nobody holds the lease
//	HOLDING ----------------------------> FOLLOWING ----------------------------> HOLDING
//	    \                                     |
//	     `----------- Close ------------------+--> CLOSED
//
// Behind is beside these: the folder cannot be read, or its newest generation cannot be used. What was
// known before stays the state.
//
// # The folder
//
//	state.d/00000000000000000012.yaml   generation 12; the highest that is sound is the state
//	state.yaml                          a copy of it for people, which nothing reads
//	history.jsonl                       one line of JSON for each generation, appended
//	history.1.jsonl                     the older lines
//	lease                               the holder's id and a counter that it raises each Heartbeat
//
// Names that begin with ".roles-" are temporary files. They may be removed at any time.
//
// A generation's file is YAML. Its first line is the comment "# sha256: " with the digest of all bytes after that line.
// A file whose digest is another is passed over with a warning, and the one before it is the state. A file
// of a schema that is not known here is not passed over: nothing is published over what a newer program wrote.
//
//	# sha256: 5a1e...
//	schema: 3                   # the oldest that has all of it: 2 without other models, 1 without a plan as well
//	generation: 12
//	holder:
//	  id: "6f0c2b1d9a3e4f58"
//	  admin: "127.0.0.1:8081"
//	models:
//	  "ranker":
//	    live: "8@b1946a..."       # VERSION@DIGEST
//	    previous: "7@0cc175..."
//	    canary: "9@92eb5f..."
//	    share: "0.1"
//	    shadow:
//	      - "10@8277e0..."
//	    others:                   # shadows that are versions of other models
//	      - "ranker_small:2@0f1e2d..."
//	    hold: true
//	    passed: "11"              # left for an older one
//	    rejected:
//	      - "6@4a8a08..."
//	    plan:                     # of a version that is to become live by itself: package rollout
//	      version: "9@92eb5f..."
//	      phase: "canary"
//	      step: 2
//	      since: "2026-01-02T15:04:05Z"
//	      again: false
//	      why: "a sentence"
//	entry:
//	  time: "2026-01-02T15:04:05Z"
//	  ...
//
// The entry is the generation's line of the history. To mend a folder by hand, stop every gateway, write the
// lines after the first into a file BODY with the number after the highest, an empty holder
// (id: "", admin: "") and an entry, and then
//
//	{ echo "# sha256: $(sha256sum BODY | cut -c1-64)"; cat BODY; } > state.d/00000000000000000013.yaml
//
// The last 64 generations are kept. To go back to one of them, make its body that of a higher number. Removing
// the whole folder forgets all roles; the versions themselves are not in it.
//
// # How a generation is published
//
// In this order: a temporary file in state.d is written and fsynced; the folder's highest number is looked at
// again; link(2) gives the file its name, which fails where the number is taken; the folder is fsynced; the line
// of the history is appended by one write and fsynced; the copy for people is renamed into place; old
// generations are removed. A process that ends anywhere in between leaves the state before or the one
// after. A line that is missing then is written from the generation's own file by the next holder.
//
// The history has two files, each of half its cap at most. At the cap the newer one is renamed over the older one:
// no line is ever copied, so a holder that was stopped there can lose no line of the one after it. A line that was torn
// is skipped, and what follows it begins a line of its own. Where a line is there twice, one counts.
// Only where the cap was lowered is the end of the older file copied.
//
// # The lease
//
// A follower looks at the lease each Heartbeat, and compares no clocks: it takes over when the counter has stood still
// for Expiry of its own monotonic time, by publishing a generation that names it as the holder. So the old one, if it
// was only stopped, finds its number taken, whenever it goes on. Numbers that were removed are no way
// around this: a new holder removes all temporary files of others before it removes a generation, and a
// temporary file is written before the look at the highest number. So whoever was stopped after that look
// has nothing left to link. Close gives the lease up by a generation without a holder, and the next gateway takes it at
// its next look.
//
// # Errors
//
// Open fails where the folder cannot be read and written. Change fails with NotHolderError where another gateway holds the
// lease, with ErrClosed after Close, with what its function returned, and with the fault of the folder. After the last
// one, the state is the one before or the one after, and State says which. A history that cannot be
// written does not undo a generation: its lines wait, and are tried again at each Heartbeat and Change. Once 32 wait, Change fails.
//
// # Invariants
//
//   - A State that was returned never changes.
//   - Generations that a store returns only grow.
//   - Every generation has one line in the history, unless the cap removed it.
//   - No two stores publish the same number.
//   - A key that a line of the history has is never applied again.
//
// All methods may be called from any goroutine. State, Holds, Changed and Behind take no lock. Run is called once.
package roles
