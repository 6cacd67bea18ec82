package zoo

import (
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/longtest"
)

// realRounds are fewer than those of small models: their answers are large.
const realRounds = 3

// TestRealModels asks for right answers of files that packages ship, as scripts/real_models.sh
// has fetched them.
func TestRealModels(t *testing.T) {
	longtest.Skip(t)
	dir := filepath.Join(root, ".deps", "real-models", "shelf")
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		const missing = "the packages' models are not here: run scripts/real_models.sh, or `make real-models`"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	models := shelfIn(t, dir, "packages")
	serveAll(t, models, realRounds)
}
