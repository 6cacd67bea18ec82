package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// builtVariable names a gateway that has been built: `make test` builds one for all packages.
const builtVariable = "SLUICE_BUILT"

// Build puts the gateway under test into a folder and gives its path: a copy of the one that SLUICE_BUILT names, else
// one that it builds of the module that it is called in. Nothing lies beside it that it would find by itself.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "sluice")
	if built := os.Getenv(builtVariable); built != "" {
		binary, err := os.ReadFile(built)
		if err == nil {
			err = os.WriteFile(path, binary, 0o755)
		}
		if err != nil {
			return "", fmt.Errorf("cannot copy the gateway that %s names: %w", builtVariable, err)
		}
		return path, nil
	}
	if out, err := exec.Command("go", "build", "-o", path, "sluice/cmd/sluice").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the gateway under test: %w\n%s", err, out)
	}
	return path, nil
}
