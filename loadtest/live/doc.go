// Package live shows a load test while it runs: a block of lines in the terminal that is redrawn
// in place, one line each second where there is no terminal, or nothing. It owns the block on the
// screen and the cursor's visibility, from the first Show to Close; it starts no goroutine, keeps
// no clock and measures nothing: the caller hands it a Snapshot, four times a second.
package live
