// Package report renders the answers of plan: as text for a terminal and as one
// HTML page with curves. It owns no state and holds nothing back: what it prints is what
// the answer says. Tools may call it.
package report
