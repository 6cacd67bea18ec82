package models

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/internal/statefile"
	"sluice/models/bundle"
)

// RefutationsFile is the file of the state folder that holds what was switched off.
const RefutationsFile = "unbatched.json"

// The file keeps the latest so many versions, with texts of so many bytes, and fewer where
// it would be larger than its limit: a larger file is none of ours, and is not read.
const (
	maxRemembered       = 1024
	maxRememberedText   = 600
	maxRefutationsBytes = 1 << 20
)

// refutations remember for which bundles live answers have refuted batching or padding: for as
// long as the process lives, and in a file of the state folder if there is one.
type refutations struct {
	dir string // empty: no file
	log *zap.Logger
	mu  struct {
		sync.Mutex
		all []remembered // from old to new
	}
	saving chan struct{} // holds a token while the file is replaced
}

// remembered is one of them.
type remembered struct {
	Digest string `json:"digest"`
	// Model and Version are for people: the digest decides.
	Model    string    `json:"model,omitempty"`
	Version  string    `json:"version,omitempty"`
	Batching bool      `json:"batching_off,omitempty"`
	Padding  bool      `json:"padding_off,omitempty"`
	Text     string    `json:"text,omitempty"`
	Since    time.Time `json:"since"`
}

// openRefutations reads the state folder. A file that cannot be read is complained of and taken
// for empty: forgetting costs some comparisons, and refusing to start costs every model.
func openRefutations(dir string, log *zap.Logger) *refutations {
	m := &refutations{dir: dir, log: log, saving: make(chan struct{}, 1)}
	if dir == "" {
		return m
	}
	all, err := readMemory(dir)
	if err != nil {
		log.Warn("cannot read what was switched off before: it is watched for again", zap.String("file", filepath.Join(dir, RefutationsFile)), zap.Error(err))
	}
	m.mu.all = all
	return m
}

// lookup tells what has to stay off for a bundle, and why in a sentence; 0 if nothing.
func (m *refutations) lookup(digest string) (off sharing, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.mu.all, func(e remembered) bool { return e.Digest == digest })
	if at < 0 {
		return 0, ""
	}
	e := &m.mu.all[at]
	return e.off(), e.Text
}

// refuted is lookup for the load gates.
func (m *refutations) refuted(digest string) (batching, padding bool, text string) {
	off, text := m.lookup(digest)
	return off&batchingOff != 0, off&paddingOff != 0, text
}

func (e *remembered) off() (off sharing) {
	if e.Batching {
		off |= batchingOff
	}
	if e.Padding {
		off |= paddingOff
	}
	return off
}

// note remembers what was switched off, for as long as the process lives.
func (m *refutations) note(digest, model, version string, off sharing, text string) {
	line := remembered{
		Digest: digest, Model: model, Version: version,
		Batching: off&batchingOff != 0, Padding: off&paddingOff != 0, Text: text, Since: time.Now().UTC().Truncate(time.Second),
	}
	line.tidy()
	m.mu.Lock()
	m.mu.all = merge(m.mu.all, line)
	m.mu.Unlock()
}

// save writes what is remembered to the state folder, if there is one.
func (m *refutations) save() error {
	if m.dir == "" {
		return nil
	}
	m.saving <- struct{}{}
	defer func() { <-m.saving }()
	all, err := readMemory(m.dir) // another process may have written
	if err != nil {
		m.log.Warn("replacing a file that cannot be read", zap.String("file", filepath.Join(m.dir, RefutationsFile)), zap.Error(err))
	}
	m.mu.Lock()
	for _, e := range m.mu.all {
		all = merge(all, e)
	}
	m.mu.Unlock()
	if err := writeMemory(m.dir, all); err != nil {
		return fmt.Errorf("cannot write %s in the state folder: %w", RefutationsFile, bundle.BareError(err))
	}
	return nil
}

// merge adds a line, or joins it with the one of the same bundle, and drops the oldest
// beyond the limit.
func merge(all []remembered, line remembered) []remembered {
	at := slices.IndexFunc(all, func(e remembered) bool { return e.Digest == line.Digest })
	if at < 0 {
		all = append(all, line)
		return all[max(0, len(all)-maxRemembered):]
	}
	e := &all[at]
	if e.off() != e.off()|line.off() {
		line.Batching, line.Padding = line.Batching || e.Batching, line.Padding || e.Padding
		*e = line
	}
	return all
}

// tidy bounds the texts, which end up in logs and answers.
func (e *remembered) tidy() {
	for _, s := range []*string{&e.Model, &e.Version, &e.Text} {
		clean := strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(*s, "?"))
		if len(clean) > maxRememberedText {
			clean = strings.ToValidUTF8(clean[:maxRememberedText], "")
		}
		*s = clean
	}
}

// decodeMemory reads the file's text. Lines that make no sense are passed over, and so are
// keys that a newer program may have written.
func decodeMemory(text []byte) ([]remembered, error) {
	var file struct {
		Unbatched []json.RawMessage `json:"unbatched"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("it is not what was written there: %w", err)
	}
	var all []remembered
	lines := file.Unbatched
	for _, raw := range lines[max(0, len(lines)-maxRemembered):] {
		var e remembered
		if json.Unmarshal(raw, &e) != nil || !bundle.IsDigest(e.Digest) || e.off() == 0 {
			continue
		}
		e.tidy()
		all = merge(all, e)
	}
	return all, nil
}

func encodeMemory(all []remembered) ([]byte, error) {
	for {
		file := struct {
			Unbatched []remembered `json:"unbatched"`
		}{all}
		text, err := json.MarshalIndent(file, "", " ")
		if err != nil || len(text) < maxRefutationsBytes {
			return append(text, '\n'), err
		}
		all = all[(len(all)+1)/2:]
	}
}

// readMemory reads the state folder; a file that is not there is an empty one.
func readMemory(dir string) ([]remembered, error) {
	text, err := statefile.Read(filepath.Join(dir, RefutationsFile), maxRefutationsBytes)
	if err != nil || text == nil {
		return nil, bundle.BareError(err)
	}
	return decodeMemory(text)
}

// writeMemory replaces the file.
func writeMemory(dir string, all []remembered) error {
	text, err := encodeMemory(all)
	if err != nil {
		return err
	}
	return statefile.Replace(filepath.Join(dir, RefutationsFile), text)
}
