package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/gateway/http/admin"
	"sluice/internal/accesslog"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
	"sluice/internal/telemetry"
)

// startAccessLog begins the access log that the settings ask for, if they do.
func (s *Server) startAccessLog() (err error) {
	a := &s.cfg.AccessLog
	if a.File == "" {
		return nil
	}
	s.access, err = accesslog.Start(accesslog.Options{File: a.File, Sample: a.Sample, Slow: a.Slow, MaxPerSecond: a.MaxPerSecond, Log: s.log})
	if err != nil {
		return s.cfg.Fault("access_log.file", fmt.Errorf("cannot open the access log %s: %w", a.File, remedy.Written(err)))
	}
	s.metrics.WatchAccessLog(func() telemetry.AccessLog { return telemetry.AccessLog(s.access.Stats()) })
	return nil
}

// ReopenLogs opens the access log again, if there is one, as those who rotate logs want it.
func (s *Server) ReopenLogs() {
	if s.access != nil {
		s.access.Follow()
	}
}

// accessStop is how long a reader may take for the last lines of the access log when the server ends.
const accessStop = 100 * time.Millisecond

// stopAccessLog writes the last lines, once nothing is answered any more.
func (s *Server) stopAccessLog() {
	if s.access == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), accessStop)
	defer cancel()
	if err := s.access.Close(ctx); err != nil {
		s.log.Warn("the access log was left incomplete", zap.Error(err))
	}
}

// The most bytes of the files of tokens: a token must fit into a header field.
const (
	maxTokenBytes  = 4 << 10
	maxTokensBytes = 1 << 20
)

// adminTokens reads the tokens of the admin port; none if none are configured.
func (s *Server) adminTokens() (tokens []admin.Token, err error) {
	if file := s.cfg.AdminTokenFile; file != "" {
		secret, err := readToken(file)
		if err != nil {
			return nil, s.cfg.Fault("admin_token_file", err)
		}
		tokens = append(tokens, admin.Token{Name: "admin", Operate: true, Secret: secret})
	}
	if file := s.cfg.AdminTokensFile; file != "" {
		text, err := prescan.ReadFile(file, maxTokensBytes)
		if err != nil {
			return nil, s.cfg.Fault("admin_tokens_file", fmt.Errorf("cannot read the admin port's tokens from %s: %w", file, remedy.Named(err)))
		}
		more, err := parseTokens(string(text))
		if err != nil {
			return nil, s.cfg.Fault("admin_tokens_file", fmt.Errorf("%s: %w", file, err))
		}
		tokens = append(tokens, more...)
	}
	return tokens, nil
}

// OwnToken is the token with which a command asks the admin port; empty if there is none.
func OwnToken(cfg *config.Config) (string, error) {
	if cfg.AdminTokenFile == "" {
		return "", nil
	}
	token, err := readToken(cfg.AdminTokenFile)
	if err != nil {
		return "", cfg.Fault("admin_token_file", err)
	}
	return token, nil
}

// readToken reads a file of one token.
func readToken(file string) (string, error) {
	text, err := prescan.ReadFile(file, maxTokenBytes)
	if err != nil {
		return "", fmt.Errorf("cannot read the admin port's token from %s: %w", file, remedy.Named(err))
	}
	token := strings.TrimSpace(string(text))
	switch {
	case token == "":
		return "", fmt.Errorf("%s is empty: write the admin port's token into it, or leave the setting out", file)
	case !visible(token):
		return "", fmt.Errorf("%s does not hold a token: write one line into it, of visible ASCII characters without spaces", file)
	}
	return token, nil
}

func visible(token string) bool {
	return strings.IndexFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}

// parseTokens reads a line for each token: a name, the role, and the token. Empty lines and those that begin
// with # say nothing. Errors name the line and never the token.
func parseTokens(text string) (tokens []admin.Token, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		switch {
		case len(fields) != 3:
			return nil, fmt.Errorf("line %d has %d words; write a name, read or operate, and the token", number, len(fields))
		case fields[1] != "read" && fields[1] != "operate":
			return nil, fmt.Errorf("line %d: the role is neither read nor operate", number)
		case !visible(fields[0]) || !visible(fields[2]) || len(fields[0]) > 64 || len(fields[2]) > maxTokenBytes:
			return nil, fmt.Errorf("line %d: a name and a token are of visible ASCII characters, at most 64 and %d", number, maxTokenBytes)
		}
		t := admin.Token{Name: fields[0], Operate: fields[1] == "operate", Secret: fields[2]}
		if slices.ContainsFunc(tokens, func(o admin.Token) bool { return o.Name == t.Name || o.Secret == t.Secret }) {
			return nil, fmt.Errorf("line %d repeats a name or a token of a line before", number)
		}
		tokens = append(tokens, t)
	}
	if len(tokens) == 0 {
		return nil, errors.New("it has no token: write a line into it, such as: alice operate TOKEN")
	}
	return tokens, nil
}
