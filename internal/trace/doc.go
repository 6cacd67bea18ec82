// Package trace is the format of recorded arrivals: what came when, so that the same
// traffic can be replayed at a server or through the scheduler alone. It owns the text
// form, a streaming reader and a streaming writer; recorders, the load generator and the
// simulator may call it.
//
// A trace is JSON lines: one header, then one line per arrival in order of time.
//
//	{"sluice_trace":2,"start":"2026-11-25T09:00:00Z","clock":"monotonic"}
//	{"t_ns":0,"model":"ranker","rows":8,"budget_ns":20000000,"bytes":1536,"shape":[8,48],"priority":"high","version":"3","id":"job-17","status":"OK","late":true}
//	{"t_s":0.00125,"model":"eta"}
//
// The header gives the version, the wall-clock time at which the offsets count from zero
// (for people; it may be absent) and the clock that the offsets were read from. An
// arrival gives its offset from the start as t_ns (whole nanoseconds) or t_s (seconds),
// and its model. The rest may be absent: rows (then 1), budget_ns or budget_s (then the
// model's own), bytes and shape of the request's inputs, priority (high, normal or low;
// then normal), payload: the key of the request's body in a second file. Since version 2 of the
// format there are version (of the model that answered or refused), id (the request's, at most
// 128 bytes), status (OK or the code of the refusal; these three unknown if absent) and late
// (the answer came after its deadline).
//
// A trace is from its first arrival to its last. A recorder gives the first one the offset 0. A
// File counts from it whatever its offset is, because old and other recorders counted from
// their own start.
//
// That file, named as the trace with .payloads behind it, holds each distinct body once, as
// it came over the wire: a line of JSON, then as many bytes as it says, then a line's end.
//
//	{"sluice_payloads":1}
//	{"key":"0f3a...","bytes":412,"protocol":"v2","type":"application/octet-stream","header":156}
//	<412 bytes>
//
// The key is the first half of the SHA-256 of all that follows it, so that a body that was
// damaged is told from one that was not. type and encoding are the Content-Type and the
// Content-Encoding, header is the Inference-Header-Content-Length; each may be absent.
//
// The reader is strict. A key that it does not know, a key that comes twice, a time that
// goes back, a value out of range, a line too long and a trace without arrivals are
// errors that name the line. Files whose name ends in .gz are compressed.
//
// The second form is a file of intervals: the microseconds between two requests on each line. Of
// such a trace only the instants are known.
package trace
