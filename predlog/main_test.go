package predlog

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// killedDir names, in the environment, the folder of a test's child that is to be killed.
const killedDir = "PREDLOG_TEST_KILLED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		writeUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}
