package study

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStudyKeysAreThoseThatAreRead: each key that a fault lists is one.
func TestStudyKeysAreThoseThatAreRead(t *testing.T) {
	t.Parallel()
	f := func(before string, keys []string) {
		t.Helper()
		for _, key := range keys {
			path := filepath.Join(t.TempDir(), "study.yaml")
			if err := os.WriteFile(path, []byte(before+key+": x\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			b := &builder{}
			if err := b.file(path); err != nil && strings.Contains(err.Error(), "there is no key") {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	f("", studyKeys())
	f("fleet:\n  - ", groupKeys)
	f("models:\n  - ", modelKeys)
	f("traffic:\n  - ", trafficKeys)
}
