// Package complaint reads what ONNX Runtime says when a model does not load or run: which
// operator complained, at which node, and about what. The library gives a code and a text; the
// code has changed between versions for one and the same cause, and most of what matters is in
// the text alone. This package is pure, so that a process without the library can read what
// another one was told.
package complaint

import (
	"strings"

	"sluice/internal/fault"
)

// Code is ONNX Runtime's code of a status.
type Code int8

// The codes that matter here; the others keep their number. Unknown is that of a text that
// came without a code.
const (
	Unknown         Code = -1
	Fail            Code = 1
	InvalidArgument Code = 2
	Exception       Code = 6
)

// Kind is what a complaint is about.
type Kind uint8

// The kinds. Value, Shape and Length are about what an operator was given: a value, how sizes
// fit each other, how long a part or a sequence is to be. Misfit is an output that does not fit
// the memory laid out for it, Memory is memory that ran out, Locale a locale that the machine lacks.
const (
	Other Kind = iota
	Value
	Shape
	Length
	Misfit
	Memory
	Locale
)

// String names the kind, for logs.
func (k Kind) String() string {
	return [...]string{"other", "value", "shape", "length", "misfit", "memory", "locale"}[k]
}

// Error is one complaint.
type Error struct {
	Code Code
	Kind Kind
	// Op and Node are the operator that complained, such as Gather, and its node's name: the
	// innermost one within a body. Op is empty if no operator did; Node may be.
	Op, Node string
	// Loading is set if the model was being loaded, and so never ran.
	Loading bool
	// Output, Declared and Got are a Misfit's: its name, which older versions of the library
	// leave out, and both shapes as [2,3].
	Output, Declared, Got string
	// Locale is the name of one that is lacking.
	Locale string
	// Text is all that the library said. It names nodes and weights: it is for the log.
	Text string
}

// Error returns the library's text.
func (e *Error) Error() string { return e.Text }

// Parse reads what the library said about a run.
func Parse(code Code, text string) *Error {
	e := &Error{Code: code, Text: strings.TrimSpace(text)}
	message := e.locate()
	e.Kind = classify(message)
	switch e.Kind {
	case Misfit:
		e.readMisfit(message)
	case Locale:
		_, rest, _ := strings.Cut(message, lacking)
		e.Locale, _, _ = strings.Cut(rest, ":")
	case Other, Value, Shape, Length, Memory:
	}
	return e
}

// ParseLoading reads what the library said about a model that it did not load.
func ParseLoading(code Code, text string) *Error {
	e := Parse(code, text)
	e.Loading = true
	return e
}

// locate finds the innermost operator, and returns what it said.
func (e *Error) locate() string {
	const running, name, message = "while running ", " node. Name:'", "' Status Message:"
	at := strings.LastIndex(e.Text, running)
	if at < 0 {
		return e.Text
	}
	op, rest, ok := strings.Cut(e.Text[at+len(running):], name)
	if !ok {
		return e.Text
	}
	node, said, ok := strings.Cut(rest, message)
	if !ok {
		return e.Text
	}
	e.Op, e.Node = op, node
	// A failed check comes with its place in the library's source, its function and its
	// condition, whose words mean nothing here.
	if at := strings.LastIndex(said, " was false. "); at >= 0 {
		said = said[at+len(" was false. "):]
	}
	if at := strings.LastIndex(said, "[ONNXRuntimeError] : "); at >= 0 {
		said = said[at:]
	}
	return said
}

// Rejected reports whether an operator refused what it was given, which a caller chose.
func (e *Error) Rejected() bool {
	if e.Loading || e.Op == "" {
		return false
	}
	switch e.Kind {
	case Value, Shape, Length:
		return true
	case Other:
		// No code says that an operator cannot do something or that its device failed: those
		// have codes of their own. Without a code it is anybody's guess.
		return e.Code == Fail || e.Code == InvalidArgument || e.Code == Exception
	case Misfit, Memory, Locale:
	}
	return false
}

// Fault is what the caller of a run is told. The complaint is its cause.
func (e *Error) Fault() *fault.Error {
	switch {
	case e.Rejected():
		return fault.Wrap(fault.ModelRejectedInput, e, rejections[e.Kind])
	case e.Kind == Misfit:
		which := "an output"
		if e.Output != "" {
			which = "output '" + e.Output + "'"
		}
		return fault.Wrap(fault.InferenceFailed, e, "the model gave "+which+" in the shape "+e.Got+" where "+e.Declared+" is declared")
	case e.Kind == Memory:
		return fault.Wrap(fault.InferenceFailed, e, "the model ran out of memory")
	case e.Kind == Locale:
		return fault.Wrap(fault.InferenceFailed, e, "the model needs the locale '"+e.Locale+"', which the server lacks")
	}
	return fault.Wrap(fault.InferenceFailed, e, "the model failed to run")
}

var rejections = [...]string{
	Other:  "the model rejected the request's inputs",
	Value:  "the model rejected a value of the request's inputs, such as an index out of range or a string that is no number",
	Shape:  "the model rejected a shape of the request's inputs, such as sizes that do not fit each other",
	Length: "the model rejected a length in the request's inputs, such as that of a sequence or of a part to cut out",
}
