package fault

import (
	"errors"
	"fmt"
	"time"
)

// Error is a failure with its kind.
type Error struct {
	Kind Kind
	// Text is for the client: lower-case, one sentence.
	Text string
	// RetryAfter is when a shed request may come again; 0 if the fault says nothing of it.
	RetryAfter time.Duration
	// Cause is for the log only.
	Cause error
}

// Error returns the client's text, and the cause for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes a fault.
func New(kind Kind, text string) *Error { return &Error{Kind: kind, Text: text} }

// Newf makes a fault with a formatted text.
func Newf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault whose cause is logged and not shown.
func Wrap(kind Kind, cause error, text string) *Error {
	return &Error{Kind: kind, Text: text, Cause: cause}
}

// Of returns err as a fault; an error of any other type is Internal, its text hidden
// from the client. nil stays nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if f, ok := err.(*Error); ok { //nolint:errorlint // errors.As, below, allocates; a shed must not
		return f
	}
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return Wrap(Internal, err, "internal error")
}

// Is reports whether err is a fault of that kind.
func Is(err error, kind Kind) bool {
	var f *Error
	return errors.As(err, &f) && f.Kind == kind
}
