package worker

import (
	"errors"
	"strings"
	"testing"

	"sluice/internal/complaint"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// TestFaultsComeAsTheyAre: what a client is told, and what the log is, pass through a message.
func TestFaultsComeAsTheyAre(t *testing.T) {
	through := func(err error) error {
		t.Helper()
		var sent, came message
		sent.reset(runBatch)
		sent.fail(err)
		if err := came.decode(sent.append(nil)); err != nil {
			t.Fatal(err)
		}
		return came.failure()
	}
	f := func(err error, kind fault.Kind, text, log string) {
		t.Helper()
		got := through(err)
		if f := fault.Of(got); f.Kind != kind || f.Text != text || !strings.Contains(got.Error(), log) {
			t.Errorf("%v came as %s %q, %v; want %s %q", err, f.Kind.Code(), f.Text, got, kind.Code(), text)
		}
	}
	const gather = "Non-zero status code returned while running Gather node. Name:'look' Status Message: indices element out of data bounds"
	said := complaint.Parse(complaint.InvalidArgument, gather)
	f(said.Fault(), fault.ModelRejectedInput, said.Fault().Text, gather)
	var came *complaint.Error
	if !errors.As(through(said.Fault()), &came) || *came != *said {
		t.Errorf("%+v came as %+v", said, came)
	}
	f(fault.New(fault.InvalidBytes, `input "x" has a string with a NUL byte`), fault.InvalidBytes, `input "x" has a string with a NUL byte`, "")
	f(fault.New(fault.InferenceFailed, "the model gave output 'y' in the shape [1]"), fault.InferenceFailed, "the model gave output 'y' in the shape [1]", "")
	f(errors.New("/secret"), fault.InferenceFailed, "the model failed to run", "/secret")
	f(fault.New(fault.ModelNotReady, "not now"), fault.InferenceFailed, "the model failed to run", "not now")
	f(fault.New(fault.WrongShape, "a\x1b[1m\n\xff"), fault.WrongShape, "a?[1m??", "")
	f(fault.New(fault.WrongShape, strings.Repeat("x", 2000)), fault.WrongShape, strings.Repeat("x", maxTold), "")
	f(fault.Wrap(fault.WrongShape, errors.New(strings.Repeat("y", 5000)), "x"), fault.WrongShape, "x", strings.Repeat("y", maxText-1))
	if failed, sticky := task.DeviceFailed(through(deviceError(true, errors.New("gone")))); !failed || !sticky {
		t.Error("a device's error came as another")
	}
}

// TestRefusalsOfLoading: that a model was not loaded is told as such.
func TestRefusalsOfLoading(t *testing.T) {
	var m message
	m.reset(openModel)
	m.fail(complaint.ParseLoading(complaint.Unknown, "No Op registered for Frob"))
	var said *complaint.Error
	if err := m.loading(); !errors.As(err, &said) || !said.Loading || err.Error() != "No Op registered for Frob" {
		t.Errorf("the refusal came as %v", err)
	}
	m.reset(openModel)
	m.fail(errors.New("no such file"))
	if err := m.loading(); errors.As(err, &said) || err.Error() != "no such file" {
		t.Errorf("another error came as %v", err)
	}
}
