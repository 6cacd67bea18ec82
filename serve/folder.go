package serve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sluice/config"
	"sluice/models/bundle"
)

// standardFolder is where models are looked for if nothing is named.
const standardFolder = "models"

// UsageError is about what was named, as opposed to what is there.
type UsageError struct{ error }

// ChooseModels settles which folder is served and which single models beside it. An argument is
// either: a folder of models stands for --models. Afterwards cfg.Models is the absolute path of the
// folder, or empty if only single models are served. What is named must be there; the standard
// folder must hold a model, or something that means to be one.
func ChooseModels(cfg *config.Config, args []string) (paths []string, err error) {
	named := ""
	if cfg.IsSet("models") {
		named = cfg.Models
	}
	for _, arg := range args {
		if arg == "" {
			return nil, &UsageError{errors.New("an argument is empty: name a folder of models or a model file, or leave it out; a variable in the shell may be unset")}
		}
		if !isModelsDir(arg) {
			paths = append(paths, arg)
			continue
		}
		if named != "" && !samePath(named, arg) {
			return nil, fmt.Errorf("two folders of models are named, %s and %s: name one of them", absolute(named), absolute(arg))
		}
		named = arg
	}
	for _, path := range paths {
		if _, err := bundle.Locate(path); err != nil {
			return nil, err
		}
	}
	switch {
	case named != "":
		cfg.Models = absolute(named)
		if _, _, err := bundle.Discover(cfg.Models); err != nil {
			if cfg.IsSet("models") {
				return nil, cfg.Fault("models", err)
			}
			return nil, err
		}
	case len(paths) > 0:
		cfg.Models = "" // `sluice serve model.onnx` means that file alone
	default:
		cfg.Models = absolute(standardFolder)
		return nil, checkStandard(cfg.Models)
	}
	return paths, nil
}

// checkStandard says what is wrong with the folder that nobody has named.
func checkStandard(dir string) error {
	const remedy = "name a folder with --models DIR, or a model file: sluice serve MODEL.onnx"
	bundles, faults, err := bundle.Discover(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("no models are named and the folder %s is not there: %s", dir, remedy)
	case err != nil:
		return fmt.Errorf("no models are named, and %w; %s", err, remedy)
	case len(bundles)+len(faults) == 0:
		return fmt.Errorf("no models are named and the folder %s holds none: %s", dir, remedy)
	}
	return nil
}

// isModelsDir tells a folder of models from a model file or a bundle's own folder.
func isModelsDir(path string) bool {
	about, err := os.Stat(path)
	if err != nil || !about.IsDir() {
		return false
	}
	_, err = os.Stat(filepath.Join(path, bundle.ModelFile))
	return err != nil
}

func samePath(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// absolute is the path as messages show it.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// NoModels is what is said of a folder without models.
func NoModels(dir string) string {
	return fmt.Sprintf("no model found in %s: a model is <name>/<version>/%s, or a file <name>.onnx", dir, bundle.ModelFile)
}

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
