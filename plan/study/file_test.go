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
	for _, key := range studyKeys() {
		path := filepath.Join(t.TempDir(), "study.yaml")
		if err := os.WriteFile(path, []byte(key+": x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b := &builder{}
		if err := b.file(path); err != nil && strings.Contains(err.Error(), "there is no key") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
