// Package report renders the result of a load test: as text for a terminal, as one HTML page
// with charts, and several results side by side. It owns no state, measures nothing and holds
// nothing back: what it prints is what the result says, and what the result does not say is not
// printed. Both forms are made from one document, so that they cannot tell different stories. Files are
// opened before a test, so that a path that cannot be written to is found out first.
package report
