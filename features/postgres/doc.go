// Package postgres reads features from PostgreSQL and CockroachDB, in two layouts: Feast's table of a row per feature, and
// the native one of a row per entity; and it writes the native one. The engine (package features) reads through Store, the
// loader (features/load) writes through Writer.
//
// A read sorts its keys, asks for them in chunks, some at a time, each with one round trip:
//
//	begin read only; set local statement_timeout = …; select … where entity_key = any($1); sync; commit; sync
//
// so that the server ends a statement at the reader's own limit, and a statement that failed leaves the connection usable. No
// statement is prepared under a name and nothing is set for a session, so the connections may lead to PgBouncer in transaction
// mode. With Options.RoleLimit the select stands alone, and the limit is what the role has been given.
//
// Invariants:
//   - Read returns soon after its context has ended. What it has begun goes on without it: the server is asked to cancel the
//     statement at twice the budget, and the connection is closed only if five more seconds bring no answer. A read that has
//     returned writes into no rows.
//   - New and Reader do no I/O. While the server is down, reads fail as fast as it refuses connections, or with their contexts.
//   - A connection that turns out to be dead is replaced, and its chunk is asked for again, within the context.
//   - A name from settings stands in a statement only if it matches identifier, and always in quotes.
//
// CockroachDB is found out when a connection is made, and only what such a connection is asked differs. A group whose MaxAge
// is five seconds or more is read from the nearest replica, AS OF SYSTEM TIME follower_read_timestamp(), by a statement of
// its own under the session's limit. A statement that the server asks to repeat (40001) is repeated within the context.
// This was not run on a real CockroachDB: the tests have a server of their own that speaks the protocol.
//
// The native layout has one table a generation, so that an old one is dropped at once and leaves nothing to clean up. Three small
// tables say what there is; readers ask for it each second:
//
//	sluice_views        name, visible, previous, loading, last: the generations of a view, and the last number given
//	sluice_generations  name, generation, source, schema, rows, retired: what was loaded, how far, since when it is not visible
//	sluice_schemas      name, hash, record: the columns of rows, as package native writes them
//	sluice_NAME_gN      entity_key bytea primary key, payload bytea: the rows of package native
package postgres
