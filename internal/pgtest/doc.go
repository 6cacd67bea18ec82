// Package pgtest runs a PostgreSQL and a PgBouncer of their own for tests, on Unix sockets in a short folder, as another user
// where the tests are root's. Only tests call it.
//
// A test binary has one server (Server), which the first test that needs it starts and Tests stops. Each test takes a schema of
// its own (Schema). A test is skipped, and says why, where the programs are missing.
package pgtest
