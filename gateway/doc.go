// Package gateway owns the way that a prediction takes, from a model's name to an encoded answer, whatever
// protocol brings it. It knows no connection, no header and no status code: a front end (gateway/http) turns
// bytes into an Exchange, and an ended one into bytes.
//
// predict.go is the way as code, in its order:
//
//	find -> deadline -> admit -> decode -> choose -> [fill] -> submit -> ran -> encode -> written -> ended
//
// Around it:
//
//   - exchange.go is what walks it. formats.go has the wire formats, coding.go, inflate.go and compress.go
//     how bodies and answers are compressed.
//   - timeout.go asks for admission before a body is decoded, whose timeout parameter it has to find for that.
//   - split.go chooses between the live version and its canary.
//   - fill.go completes a task's inputs from elsewhere, without holding up the goroutine that serves others.
//   - ladder.go lets another model, or a constant, answer where the fill has found too little.
//   - ended.go tells the listeners: metrics, traces, parity. They hear of an exchange and cannot touch its way.
//   - causes.go logs why a prediction failed where the client is not told.
//
// States of an Exchange: empty (Get) -> walking (Predict) -> pending, with the model or with a fill, until
// Front.Ready -> walking (Resume) -> ended: it has its answer or its fault -> written, by the front end -> in the
// pool (End). It ends at any step. It never walks back but to the fill of a ladder's next rung, and never once its answer
// is encoded. One whose fill is late can also be left (fill.go).
//
// Invariants: an exchange that found a model is told to each listener exactly once, after its answer was handed
// to the kernel or its client was gone, and the model, the task and its inputs are let go only after that;
// a panic on the way costs one exchange, and one in a listener nothing but its own word of it; no lock is
// held while a step calls out; nothing is allocated for an exchange in steady state.
//
// Front ends call Get, Predict, Resume, Written and End; what joins the parts calls New. The package declares
// the interfaces that it needs of models (model.go).
package gateway
