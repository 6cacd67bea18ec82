// Package store is what stores of features and their readers share: a group of columns that is read together
// (Group), the bytes that name an entity (Key), what is read (Rows), and the interfaces of a store (Store,
// Reader). It does no I/O and starts no goroutine.
//
// A codec (features/feast, features/native) decodes what a store holds, straight into Rows; a store
// (features/redis, features/postgres, features/embedded) fetches it; features asks the stores on behalf of requests
// and keeps Rows in its cache. models/bundle and the stores make Groups from settings.
//
// Invariants: a Group does not change once made by NewGroup; Rows belong to one reader until Read has
// returned, but for those that are Done, and a row that is not Done is not to be used; nothing here allocates once Rows has its memory.
package store
