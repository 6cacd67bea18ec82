package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestExplain(t *testing.T) {
	f := func(err error, text, detail string) {
		t.Helper()
		if gotText, gotDetail := Explain(err); gotText != text || gotDetail != detail || Sentence(err) != text {
			t.Errorf("%v: %q and %q, want %q and %q", err, gotText, gotDetail, text, detail)
		}
	}
	f(errors.New("plain"), "plain", "")
	f(errors.New(""), "it failed without a reason", "")
	f(fmt.Errorf("line 3: %w", Wrap(ModelLoadFailed, errors.New("library"), "a run failed")), "line 3: a run failed", "library")
	f(Cover(ModelLoadFailed, errors.New("library"), "a run failed"), "a run failed", "library")
	f(Cover(ModelLoadFailed, New(BatchTooLarge, "too many"), "a run failed"), "too many", "")
}
