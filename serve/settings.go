package serve

import (
	"errors"
	"fmt"
	"os"

	"sluice/config"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
)

// Settings joins the defaults, a file, the environment and what set says, later ones first, and reports
// every fault at once. file is empty for none, and named says who names it. set may be nil.
func Settings(file, named string, set func(*config.Config) error) (*config.Config, error) {
	cfg := config.Default()
	if file != "" {
		text, err := prescan.ReadFile(file, prescan.MaxYAMLBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read the settings file %s, which %s names: %w", file, named, remedy.Named(err))
		}
		if cfg, err = config.Parse(file, text); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(slips(os.Environ()), cfg.ApplyEnv(os.LookupEnv)); err != nil {
		return nil, err
	}
	if set != nil {
		if err := set(cfg); err != nil {
			return nil, err
		}
	}
	return cfg, errors.Join(cfg.Validate(), checkDevices(cfg))
}

// toolVariables are read by the repository's own tests and scripts, which start this binary.
var toolVariables = []string{
	"SLUICE_BUILT", "SLUICE_BUILT_VERSION", "SLUICE_DRILL_STRICT", "SLUICE_REQUIRE_CLIENTS", "SLUICE_QUICK_TESTS", "SLUICE_REPORT_DIR",
	"SLUICE_GRAPHS", "SLUICE_GRAPHS_FROM",
}

// slips refuses variables that can only be a setting with a letter wrong: a limit that somebody
// believes in and that is not there would be found out by an outage. Variables that are like no
// setting may belong to something else, such as an image's SLUICE_VERSION, so they are only named.
func slips(environ []string) error {
	var faults []error
	for _, s := range config.Strays(environ, toolVariables...) {
		if s.Slip {
			faults = append(faults, fmt.Errorf("%s: there is no such setting: did you mean %s? rename the variable, or unset it", s.Name, s.Meant))
		}
	}
	return errors.Join(faults...)
}

// StrayVariables names, in sentences, the variables that begin as a setting's and are none.
func StrayVariables(environ []string) (texts []string) {
	for _, s := range config.Strays(environ, toolVariables...) {
		if s.Slip {
			continue
		}
		text := s.Name + " is no setting and changes nothing"
		if s.Meant != "" {
			text += ": did you mean " + s.Meant + "?"
		}
		texts = append(texts, text)
	}
	return texts
}
