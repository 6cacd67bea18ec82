// Package webhook tells other programs of changes, each at least once. The outbox is the record of changes itself: a Source lists
// them by number, and what is kept for each target is the number up to which it was told (cursor.go). So a process that
// is killed anywhere tells again, with the same id, what it may have told, and misses nothing that the source still has.
//
// A delivery is a POST of one JSON object with three headers, which are those of Standard Webhooks:
//
//	Webhook-Id         the change's own; a receiver that has seen it has seen the change
//	Webhook-Timestamp  seconds since 1970, of this try
//	Webhook-Signature  v1, and the HMAC-SHA256 in base64 of id.timestamp.body with the secret
//
// An answer of 200 to 299 ends it. Anything else, a redirect too, is tried again after a wait that doubles from a second to ten minutes,
// so often as Options.Attempts says; then the change is dropped for this target, counted and logged. While one is tried the others
// wait, so that they come in order; of more than 256 that wait the oldest are dropped.
//
// Run has a goroutine for each target. The file of the cursors is written by them under one mutex, which is not held during a
// delivery.
package webhook
