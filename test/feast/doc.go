// Package feast holds reads of stores to what Feast itself reads from them. Its test has Feast write features into SQLite, Redis and
// PostgreSQL (write.py), and reads the same keys through the engine, in Feast's order with its duplicates. scripts/feast.sh
// installs Feast and runs the test; only that calls it.
package feast
