// Package servertest decides what becomes of a test that needs a server which is not installed: it is skipped on a machine of
// somebody's, and fails in continuous integration, which installs all of them (.ci/run). Only tests call it.
package servertest

import (
	"os"
	"os/exec"
	"testing"
)

// Missing ends a test that cannot have its server.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "" {
		t.Skip(why)
		return
	}
	t.Fatalf("%s: install it, so that what needs it is tested", why)
}

// Redis is the path of redis-server.
func Redis(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		Missing(t, "redis-server is not installed")
	}
	return path
}
