package payload

import "fmt"

// UsageError is a fault of whoever asks: a payload that does not fit the schema, a file that
// cannot be read, an expression that means nothing.
type UsageError struct{ Text string }

// Error returns the sentence.
func (e *UsageError) Error() string { return e.Text }

// NotReadyError is a target that cannot be tested: it cannot be reached, it is not ready, or
// it does not have the model.
type NotReadyError struct {
	Text  string
	Cause error // nil if the target itself says so
}

// Error returns the sentence.
func (e *NotReadyError) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

// Unwrap returns the cause.
func (e *NotReadyError) Unwrap() error { return e.Cause }

func usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

func notReadyf(format string, args ...any) error {
	return &NotReadyError{Text: fmt.Sprintf(format, args...)}
}
