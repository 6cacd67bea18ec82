// Package tables holds the prediction log's files against the readers that people use: DuckDB, and pandas with
// pyarrow. Its test writes a log that has every datatype and every odd value, and check.py reads each file with
// both and compares. scripts/tables.sh installs the readers and runs the test; only that calls it.
package tables
