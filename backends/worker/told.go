package worker

import (
	"errors"
	"strings"
	"unicode"

	"sluice/internal/complaint"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// told are the kinds of faults that come from the child as they are: those of rows and shapes
// that it alone meets. Any other is a failed run.
func told(k fault.Kind) bool {
	switch k {
	case fault.ModelRejectedInput, fault.InferenceFailed, fault.WrongShape, fault.ShapeTooLarge,
		fault.DataLengthMismatch, fault.InvalidValue, fault.InvalidBytes:
		return true
	}
	return false
}

// fail makes the message an answer that tells an error.
func (m *message) fail(err error) {
	m.tensors, m.text, m.told, m.code = m.tensors[:0], m.text[:0], 0, 0
	m.flags |= isAnswer | isFailure
	if failed, sticky := task.DeviceFailed(err); failed {
		m.flags |= ofDevice
		if sticky {
			m.flags |= isSticky
		}
	}
	f := fault.Of(err)
	m.fault = f.Kind
	cause := err.Error()
	if told(f.Kind) {
		m.text = append(m.text, f.Text[:min(len(f.Text), maxTold)]...)
		m.told = len(m.text)
		cause = ""
		if f.Cause != nil {
			cause = f.Cause.Error()
		}
	}
	var said *complaint.Error
	if errors.As(err, &said) {
		m.code = uint8(said.Code + 2)
	}
	m.text = append(m.text, cause[:min(len(cause), maxText-len(m.text))]...)
}

// failure is the error that an answer to a run tells.
func (m *message) failure() error {
	if m.flags&isFailure == 0 {
		return nil
	}
	cause := m.cause()
	switch {
	case m.flags&ofDevice != 0:
		return deviceError(m.flags&isSticky != 0, cause)
	case told(m.fault) && m.told > 0:
		return fault.Wrap(m.fault, cause, printable(string(m.text[:m.told])))
	}
	return fault.Wrap(fault.InferenceFailed, cause, "the model failed to run")
}

// loading is the error that an answer to a request to load tells.
func (m *message) loading() error {
	text := string(m.text)
	if m.told > 0 && m.told < len(m.text) {
		text = text[:m.told] + ": " + text[m.told:]
	}
	if m.code != 0 {
		return complaint.ParseLoading(complaint.Code(m.code)-2, text)
	}
	return errors.New(text)
}

// cause is what the log is told, nil if nothing.
func (m *message) cause() error {
	text := string(m.text[m.told:])
	switch {
	case m.code != 0:
		return complaint.Parse(complaint.Code(m.code)-2, text)
	case text != "":
		return errors.New(text)
	}
	return nil
}

// printable takes out of a text what no client should be sent.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
