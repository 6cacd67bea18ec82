package shadow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

const (
	// stateVersion changes with what the fields mean.
	stateVersion = 1
	// maxState bounds a state that is read.
	maxState = 64 << 20
	// saveEvery is how often the state is written.
	saveEvery = time.Minute
)

// The endings of the files' names: the sums, the units, and either while it is written.
const (
	sumsSuffix  = ".json"
	unitsSuffix = ".units"
	freshSuffix = ".new"
)

// savedState is a comparison's state as it is written. Units, the filter of those that were seen, has a file of its own.
type savedState struct {
	Version int               `json:"version"`
	Subject Subject           `json:"subject"`
	Counts  [NumLevels]Counts `json:"counts"`
	Sums    json.RawMessage   `json:"sums"`
}

// files are where a comparison's state lies; empty if nothing is kept.
func (c *candidate) files() (sums, units string) {
	if c.m.o.Dir == "" {
		return "", ""
	}
	name := filepath.Join(c.m.o.Dir, c.subject.Model, c.subject.Name())
	return name + sumsSuffix, name + unitsSuffix
}

// restore goes on with a saved comparison of the same files, or begins a new one.
func (c *candidate) restore() {
	var sums, units []byte
	st, err := c.read()
	if err == nil && st != nil {
		sums = st.Sums
		_, path := c.files()
		units, err = readFile(path)
	}
	if err == nil {
		if c.study, err = c.m.o.NewStudy(&c.subject, sums, units); err == nil {
			if st != nil {
				c.ring.resume(st.Counts)
			}
			return
		}
	}
	c.log.Warn("a shadow comparison begins anew: its state cannot be used", zap.Error(err))
	if c.study, err = c.m.o.NewStudy(&c.subject, nil, nil); err != nil {
		c.study = &brokenStudy{err}
	}
}

// read is the saved state; nil if there is none, or it is of other files.
func (c *candidate) read() (*savedState, error) {
	path, _ := c.files()
	if path == "" {
		return nil, nil
	}
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := decodeState(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if st.Subject != c.subject {
		c.log.Info("a shadow comparison begins anew: the saved one is of other files or settings", zap.String("primary", st.Subject.Primary.Version))
		return nil, nil
	}
	return st, nil
}

// decodeState reads a state and refuses one whose account does not add up.
func decodeState(text []byte) (*savedState, error) {
	var st savedState
	if err := json.Unmarshal(text, &st); err != nil {
		return nil, fmt.Errorf("it is no state of a comparison: %w", err)
	}
	if st.Version != stateVersion {
		return nil, fmt.Errorf("it has version %d, and this program reads version %d", st.Version, stateVersion)
	}
	for l := range st.Counts {
		if n := &st.Counts[l]; n.Seen != n.Compared+n.dropped()+n.failed()+n.Waiting {
			return nil, fmt.Errorf("its account of the level %s does not add up", Level(l))
		}
	}
	return &st, nil
}

func readFile(path string) ([]byte, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if about.Size() > maxState {
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d", path, about.Size(), maxState)
	}
	return os.ReadFile(path)
}

// resume goes on with an account. What waited then was lost.
func (r *ring) resume(counts [NumLevels]Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range counts {
		counts[l].Dropped[Stopped] += counts[l].Waiting
		counts[l].Waiting = 0
	}
	r.mu.counts = counts
}

// save writes the state from time to time.
func (c *candidate) save() {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
			c.store()
		}
	}
}

// store writes the state, if this gateway is the one that does.
func (c *candidate) store() {
	path, unitsPath := c.files()
	if path == "" || !c.m.o.Keeps() {
		return
	}
	_, err := os.Stat(path)
	first := errors.Is(err, fs.ErrNotExist)
	c.studying.Lock()
	sums, units, err := c.study.Save()
	counts, _ := c.ring.read()
	c.studying.Unlock()
	if err == nil {
		var text []byte
		if text, err = json.Marshal(savedState{stateVersion, c.subject, counts, sums}); err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), replace(unitsPath, units), replace(path, text))
		}
		if first {
			err = errors.Join(err, removeOld(filepath.Dir(path)))
		}
	}
	if err != nil {
		c.log.Warn("the state of a shadow comparison cannot be kept", zap.Error(err))
	}
}

// replace writes a file in one step.
func replace(path string, text []byte) error {
	fresh := path + freshSuffix
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// brokenStudy stands for a study that cannot be begun: what the candidate answers is not compared, and the report says why.
type brokenStudy struct{ err error }

func (b *brokenStudy) Hungry() bool                   { return false }
func (b *brokenStudy) Add(*Pair) error                { return b.err }
func (b *brokenStudy) Save() (_, _ []byte, err error) { return nil, nil, b.err }
func (b *brokenStudy) Judged() []Judged               { return nil }
func (b *brokenStudy) Report(*Coverage) (any, error)  { return nil, b.err }
