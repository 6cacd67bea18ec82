// Package record writes a running server's arrivals as a trace. It owns the way from the
// request path to the file: a ring that many put into and one goroutine empties, so that no
// request ever waits for a disk, or for another request. What does not fit is dropped and
// counted.
//
// States: a recorder records from Start until one of its limits is reached, writing fails, or
// Close; then it has ended, for good, and its file is complete. Recording again needs another
// recorder.
package record
