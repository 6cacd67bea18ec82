package embedded

import (
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// killedDir names, in the environment, the store that a child of a test loads until it is killed.
const killedDir = "EMBEDDED_TEST_KILLED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		rows, _ := strconv.Atoi(os.Args[1])
		loadUntilKilled(dir, rows)
	}
	goleak.VerifyTestMain(m)
}
