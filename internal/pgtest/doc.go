// Package pgtest runs a PostgreSQL and a PgBouncer of their own for tests, on Unix sockets in a short folder, as another user
// where the tests are root's. Only tests call it, and commands below test, which start and end servers themselves (Start).
//
// A test binary has one server (Server), which the first test that needs it starts and Tests stops. Each test takes a schema of
// its own (Schema). Where the programs are missing, package servertest decides what becomes of a test.
package pgtest
