// Package redis reads features from Redis, and from what speaks its protocol (Kvrocks, Valkey): a store.Store with three
// layouts, and the writer of the third. No other package of a gateway imports rueidis. The engine of package features reads
// through it; features/load writes through its Writer.
//
// Layouts:
//
//   - feast: one hash for an entity, as Feast writes it, and Feast's precomputed vectors, which are groups whose view
//     begins with feast.VectorView("").
//   - hash: one hash for an entity, whose key comes from a template. The settings say how fields are named and how values
//     are encoded (Hash).
//   - native: one string for an entity and view, in generations, as features/native describes it.
//
// Of the server it asks GET, MGET, HMGET, HGETALL and PING alone, over RESP2. HELLO is tried and may be unknown; HLEN is tried, and
// where it is unknown HGETALL is never used. The writer needs SCRIPT LOAD, EVALSHA, SCAN and UNLINK, too. Client-side caching is off: the engine has a cache.
//
// A read is cut into chunks. Each chunk is one pipeline, sent by a goroutine of its own under no deadline; the reader waits for it
// under the caller's. So a deadline never closes a connection, never starts a connection that is given too little time, and a
// reply that comes too late is thrown away by the goroutine that waits for it. ReadOn does without the goroutine for the last chunk,
// and most reads have one: whoever calls it leaves the whole read behind, as the engine does. The number of chunks without a
// reply is bounded; beyond it reads fail at once. A connection that is silent for Options.Timeout is closed and everything on it
// fails.
//
// A batch that is alone goes by a connection of its own, which its sender writes to and reads from; others share pipelines
// (newDirect).
//
// Replicas connect each by itself. Any of them is asked, a replica that has failed not for a second, and the server where none is
// left.
//
// Hashes can be read by HMGET of the wanted fields or by HGETALL. Which one is faster depends on the sizes of both and on the
// server; package redis measures it for each group (chooser).
//
// Invariants:
//
//   - New and Reader do no I/O. A store connects in the background and tries again until it is closed; until then reads fail at once.
//   - Rows are written by the goroutine that called Read, before Read returns, and by no other.
//   - The memory of a chunk is used again only if each of its commands got a reply: rueidis may still be writing the others.
//   - A read allocates nothing beyond what rueidis does.
//   - A server that breaks the protocol costs its connection, never the process or its memory (guard).
//   - Close waits for chunks under way, and leaves no goroutine, but for those of rueidis that close connections to nodes which have
//     left a cluster, five seconds later. Where the server does not answer it takes up to Options.Timeout longer.
package redis
