// Package look looks at the rows of feature stores for people: it reads keys from text, asks a store, writes rows as text, and sums
// up what they have. The commands of sluice call it; no request does, so it may allocate.
//
// It owns no store and no goroutine. Reads wait for a store that is only just being connected to, until their context ends.
package look
