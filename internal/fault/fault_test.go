package fault

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
)

func TestCodesAreCompleteAndDistinct(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)
	seen := map[string]Kind{}
	for _, k := range Kinds() {
		code := k.Code()
		if !form.MatchString(code) {
			t.Errorf("kind %d has the code %q", k, code)
		}
		if other, ok := seen[code]; ok {
			t.Errorf("kinds %d and %d share the code %s", k, other, code)
		}
		seen[code] = k
	}
}

func TestOf(t *testing.T) {
	f := func(err error, kind Kind, text string) {
		t.Helper()
		got := Of(err)
		if got.Kind != kind || got.Text != text {
			t.Errorf("Of(%v) = %s %q, want %s %q", err, got.Kind.Code(), got.Text, kind.Code(), text)
		}
	}
	f(New(MissingInput, "no x"), MissingInput, "no x")
	f(fmt.Errorf("while decoding: %w", Newf(WrongShape, "x is %d", 3)), WrongShape, "x is 3")
	f(errors.New("/etc/secret"), Internal, "internal error")
	if Of(nil) != nil {
		t.Error("Of(nil) is a fault")
	}
	if err := Wrap(InferenceFailed, errors.New("cause"), "text"); !Is(err, InferenceFailed) || err.Error() != "text: cause" {
		t.Errorf("Wrap gave %v", err)
	}
}
