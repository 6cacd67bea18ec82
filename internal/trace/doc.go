// Package trace is the format of recorded arrivals: what came when, so that the same
// traffic can be replayed at a server or through the scheduler alone. It owns the text
// form, a streaming reader and a streaming writer; recorders, the load generator and the
// simulator may call it.
//
// A trace is JSON lines: one header, then one line per arrival in order of time.
//
//	{"sluice_trace":1,"start":"2026-11-25T09:00:00Z","clock":"monotonic"}
//	{"t_ns":0,"model":"ranker","rows":8,"budget_ns":20000000,"bytes":1536,"shape":[8,48],"priority":"high"}
//	{"t_s":0.00125,"model":"eta"}
//
// The header gives the version, the wall-clock time at which the offsets count from zero
// (for people; it may be absent) and the clock that the offsets were read from. An
// arrival gives its offset from the start as t_ns (whole nanoseconds) or t_s (seconds),
// and its model. The rest may be absent: rows (then 1), budget_ns or budget_s (then the
// model's own), bytes and shape of the request's inputs, priority (high, normal or low;
// then normal). payload is reserved: a reference to the request's data, a string that
// this package carries and does not read.
//
// The reader is strict. A key that it does not know, a key that comes twice, a time that
// goes back, a value out of range, a line too long and a trace without arrivals are
// errors that name the line. Files whose name ends in .gz are compressed.
package trace
