// Package replay asks recorded requests again and compares the answers with those that were recorded. It owns the
// comparing, which internal/agree decides with the tolerance of the model that is asked, and the report; a Client
// asks a gateway over the protocol.
//
// A row is replayed if its inputs are whole and it was answered; the others are counted by why not. Rows are asked
// by several workers at once, so that batches are mixed as they may be in traffic. A row that gets no answer, of a
// model that is not there or that takes other inputs, has failed: that is neither agreement nor difference.
//
// A run keeps so many of the rows that differ most, with the values. Run returns when all rows are done, or ctx ends.
package replay
