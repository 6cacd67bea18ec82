// Package native is the layout in which Sluice itself keeps features: one row of bytes for an entity and a group, about
// four bytes for a float and some 16 besides. It owns the bytes of a row (Schema.Append, Decoder), the record that says which
// columns a row has (Schema), and the names under which stores keep rows, records and generations (names.go). The stores
// (features/redis, features/postgres, features/embedded) and what loads them call it. It is pure: no I/O, no goroutine.
//
// A row of n columns:
//
//	Bytes        What
//	0            format: 1
//	1 to 4       hash of the schema record: FNV-1a of 32 bits (Fowler, Noll, Vo), little-endian
//	5 to 12      event time in nanoseconds since 1970: big-endian with the sign bit turned, 0 if it is not known
//	13 to 12+b   bitmap of present columns, b = (n+7)/8 bytes: column i is bit i%8 of byte i/8
//	then         the columns in the schema's order, each of its fixed width, little-endian; an absent one is zeros
//
// Stores compare the eight bytes of the event time as text and get the order of time, so that "the newer one stays" needs
// no decoder in Redis or in SQL.
//
// A schema record is text: the line "sluice-row 1"; a line for each key of an entity: "key", its type, its name; a line for
// each column: its type, its width, its name. The keys are in the order in which a store.Key has their values, so that a reader
// that names them in another order is refused, and does not get the rows of others. A store keeps each record under its hash. So a reader finds the columns that it wants by name, whatever their order and whatever
// others the writer had, and works out once for a schema where each of them lies: no row costs a look-up by name.
//
// Invariants: a row that a reader cannot trust (another length or format) is Wrong in each column and never an error of
// the whole read; a number that is NaN is absent; nothing here allocates for a row once its schema has been learned.
package native
