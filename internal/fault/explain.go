package fault

import (
	"cmp"
	"errors"
	"strings"
)

// Explain splits an error into what may be shown and what only the operator sees.
func Explain(err error) (text, detail string) {
	var f *Error
	if !errors.As(err, &f) {
		return cmp.Or(err.Error(), "it failed without a reason"), ""
	}
	if f.Cause != nil {
		detail = f.Cause.Error()
	}
	// Words that were wrapped around the fault are this program's own.
	around := strings.TrimSuffix(err.Error(), f.Error())
	return cmp.Or(around+f.Text, "it failed without a reason"), detail
}

// Sentence is an error's text that may be shown.
func Sentence(err error) string {
	text, _ := Explain(err)
	return text
}

// Cover hides a library's message behind a sentence, unless the error already is a fault.
func Cover(kind Kind, err error, text string) error {
	var f *Error
	if errors.As(err, &f) {
		return err
	}
	return Wrap(kind, err, text)
}
