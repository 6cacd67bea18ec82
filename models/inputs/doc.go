// Package inputs makes the requests that load gates and trial processes run: golden ones, which a
// bundle brings with the answers that they must get, and made-up ones, which differ as the graph
// lets them. It has no state. Requests are read-only once they are made.
package inputs
