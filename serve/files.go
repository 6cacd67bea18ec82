package serve

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"sluice/config"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
	"sluice/models/bundle"
)

// maxTokenBytes bounds the file of the admin port's token, whose header field is bounded too.
const maxTokenBytes = 4 << 10

// adminToken reads the token of the admin port; empty if none is configured.
func (s *Server) adminToken() (string, error) {
	if s.cfg.AdminTokenFile == "" {
		return "", nil
	}
	text, err := prescan.ReadFile(s.cfg.AdminTokenFile, maxTokenBytes)
	if err != nil {
		return "", s.cfg.Fault("admin_token_file", fmt.Errorf("cannot read the admin port's token from %s: %w", s.cfg.AdminTokenFile, remedy.Named(err)))
	}
	token := strings.TrimSpace(string(text))
	switch {
	case token == "":
		return "", s.cfg.Fault("admin_token_file", fmt.Errorf("%s is empty: write the admin port's token into it, or leave the setting out", s.cfg.AdminTokenFile))
	case strings.IndexFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
		return "", s.cfg.Fault("admin_token_file", fmt.Errorf("%s does not hold a token: write one line into it, of visible ASCII characters without spaces", s.cfg.AdminTokenFile))
	}
	return token, nil
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
	copies, err := bundle.OpenCopies(cfg.State, os.TempDir(), "/dev/shm")
	if err != nil {
		return nil, fmt.Errorf("%w; name a folder that can be written as copies", err)
	}
	return copies, nil
}

// tryState writes to the state folder, if there is to be one, and takes away what it wrote.
func tryState(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return remedy.Named(err)
	}
	file, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return remedy.Named(err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
