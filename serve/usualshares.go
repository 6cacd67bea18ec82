package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/internal/remedy"
	"sluice/internal/statefile"
)

const (
	// usualFile is the file in the state folder.
	usualFile = "usual-defaults.json"
	// maxUsual bounds the shares that are remembered, maxUsualBytes the file: the oldest ones go.
	maxUsual      = 10_000
	maxUsualBytes = 4 << 20
	// usualFor is how long a share is remembered that is not seen any more. What has been otherwise for that long is taken for usual at the
	// next load.
	usualFor = 24 * time.Hour
	// saveEach is how often the file is written, at most.
	saveEach = time.Minute
)

// usualOf says whose share it is: versions of a model have it in common.
type usualOf struct {
	Model   string `json:"model"`
	Store   string `json:"store"`
	View    string `json:"view"`
	Feature string `json:"feature"` // GROUP:FEATURE
}

// usualShare is a share of defaults, and when it was last what came.
type usualShare struct {
	Share float64   `json:"share"`
	Seen  time.Time `json:"seen"`
}

// usualShares remembers the usual shares of defaults of features over the loads of models: a version that is loaded while a store is
// down, or just before, must not take that for usual. It is in memory, and in a file of the state folder if there is one,
// which several gateways may share.
type usualShares struct {
	path string // of the file; empty: there is none
	log  *zap.Logger
	now  func() time.Time
	mu   struct {
		sync.Mutex
		all     map[usualOf]usualShare
		changed bool // since the file was written
	}
	end func()
}

// openUsualShares reads the file of a state folder, if there is one. One that cannot be read is complained of and taken for empty.
func openUsualShares(dir string, log *zap.Logger) *usualShares {
	u := &usualShares{log: log, now: time.Now, end: func() {}}
	u.mu.all = map[usualOf]usualShare{}
	if dir == "" {
		return u
	}
	u.path = filepath.Join(dir, usualFile)
	all, err := u.read()
	if err != nil {
		log.Warn("cannot read the usual shares of defaults: they are learned again", zap.String("file", u.path), zap.Error(err))
	}
	maps.Copy(u.mu.all, all)
	u.end = begin(u.keepSaving)
	return u
}

// close writes the file for the last time.
func (u *usualShares) close() { u.end() }

func (u *usualShares) keepSaving(ctx context.Context) {
	tick := time.NewTicker(saveEach)
	defer tick.Stop()
	failed := false
	for going := true; going; {
		select {
		case <-ctx.Done():
			going = false
		case <-tick.C:
		}
		err := u.save()
		if err != nil && !failed {
			u.log.Warn("the usual shares of defaults cannot be kept: they are learned again after a restart", zap.String("file", u.path), zap.Error(err))
		}
		failed = err != nil
	}
}

// recall is the usual share, if it is known.
func (u *usualShares) recall(of usualOf) (share float64, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s, known := u.mu.all[of]
	return s.Share, known && u.now().Sub(s.Seen) < usualFor
}

// note remembers shares that are usual now.
func (u *usualShares) note(shares map[usualOf]float64) {
	now := u.now().UTC().Truncate(time.Second)
	u.mu.Lock()
	defer u.mu.Unlock()
	for of, share := range shares {
		u.mu.all[of] = usualShare{share, now}
		u.mu.changed = true
	}
	if len(u.mu.all) > maxUsual {
		u.mu.all = newestShares(u.mu.all, maxUsual)
	}
}

func newestShares(all map[usualOf]usualShare, most int) map[usualOf]usualShare {
	keys := slices.SortedFunc(maps.Keys(all), func(a, b usualOf) int { return all[b].Seen.Compare(all[a].Seen) })
	kept := map[usualOf]usualShare{}
	for _, of := range keys[:min(most, len(keys))] {
		kept[of] = all[of]
	}
	return kept
}

// save joins what is remembered with what the file has, which another gateway may have written, and writes that.
func (u *usualShares) save() error {
	u.mu.Lock()
	changed, all := u.mu.changed, maps.Clone(u.mu.all)
	u.mu.changed = false
	u.mu.Unlock()
	if !changed {
		return nil
	}
	others, _ := u.read() // one that cannot be read is replaced
	for of, share := range others {
		if share.Seen.After(all[of].Seen) {
			all[of] = share
		}
	}
	text, err := encodeUsual(newestShares(all, maxUsual))
	if err == nil {
		err = statefile.Replace(u.path, text)
	}
	if err != nil {
		u.mu.Lock()
		u.mu.changed = true
		u.mu.Unlock()
		return remedy.File(err)
	}
	return nil
}

func (u *usualShares) read() (map[usualOf]usualShare, error) {
	text, err := statefile.Read(u.path, maxUsualBytes)
	if err != nil || text == nil {
		return nil, remedy.File(err)
	}
	return decodeUsual(text, u.now())
}

// usualLine is one share in the file.
type usualLine struct {
	usualOf
	usualShare
}

type usualDocument struct {
	Usual []json.RawMessage `json:"usual_defaults"`
}

// decodeUsual reads the file's text. Lines that make no sense are passed over.
func decodeUsual(text []byte, now time.Time) (map[usualOf]usualShare, error) {
	var d usualDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("it is not what was written there: %w", err)
	}
	all := map[usualOf]usualShare{}
	for _, raw := range d.Usual[:min(len(d.Usual), maxUsual)] {
		var line usualLine
		if json.Unmarshal(raw, &line) != nil || line.Model == "" || line.Feature == "" || !(line.Share >= 0 && line.Share <= 1) {
			continue
		}
		if line.Seen.After(now) { // a clock was wrong
			line.Seen = now
		}
		all[line.usualOf] = line.usualShare
	}
	return all, nil
}

func encodeUsual(all map[usualOf]usualShare) ([]byte, error) {
	for {
		var d usualDocument
		for _, of := range slices.SortedFunc(maps.Keys(all), func(a, b usualOf) int {
			return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Store, b.Store), cmp.Compare(a.View, b.View))
		}) {
			line, err := json.Marshal(usualLine{of, all[of]})
			if err != nil {
				return nil, err
			}
			d.Usual = append(d.Usual, line)
		}
		text, err := json.MarshalIndent(d, "", " ")
		if err != nil || len(text) < maxUsualBytes {
			return append(text, '\n'), err
		}
		all = newestShares(all, len(all)/2)
	}
}

// whose tells for each of a version's values, as the filler lists them, whose share of defaults it has.
func (f *filled) whose(model string) (all []usualOf) {
	for _, v := range f.filler.Values() {
		of := usualOf{Model: model, Feature: v.Feature}
		group, _, _ := strings.Cut(v.Feature, ":")
		for i := range f.plan.Groups {
			if g := &f.plan.Groups[i]; g.Of.Name == group {
				of.Store, of.View = g.Store, g.Of.View
			}
		}
		all = append(all, of)
	}
	return all
}
