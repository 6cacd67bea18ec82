package fleet

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The workers of these tests are the test binary itself.
func TestMain(m *testing.M) {
	switch is, err := Child(os.Args[1:]); {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case is:
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
