package serve

import (
	"fmt"
	"os"

	"sluice/config"
	"sluice/models/bundle"
)

// openCopies makes the private folder for copies of the models' files.
func openCopies(cfg *config.Config) (*bundle.Copies, error) {
	if cfg.Copies != "" {
		copies, err := bundle.OpenCopies(cfg.Copies)
		if err != nil {
			return nil, cfg.Fault("copies", err)
		}
		return copies, nil
	}
	copies, err := bundle.OpenCopies(keptFolder(cfg), os.TempDir(), "/dev/shm")
	if err != nil {
		return nil, fmt.Errorf("%w; name a folder that can be written as copies", err)
	}
	return copies, nil
}

// keptFolder is the state folder that somebody has named; empty if nobody has.
func keptFolder(cfg *config.Config) string {
	if cfg.State == NoState {
		return ""
	}
	return cfg.State
}
