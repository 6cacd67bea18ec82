package serve

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/features/fill"
	"sluice/internal/telemetry"
	"sluice/models"
)

const (
	// lookEach is how often the shares of defaults are looked at.
	lookEach = time.Minute
	// leastValues is how many values of a feature a look takes; with fewer the next one judges them too.
	leastValues = 100
	// leastExcess is the share above the usual one that is always suffered.
	leastExcess = 0.05
	// firstUsual is the highest share that is taken for the usual one because the first look has it.
	firstUsual = 0.5
	// maxNamed is how many features a line of the log names.
	maxNamed = 5
)

// featureRates knows how often each feature of a version has its default, and says so when that is more than usual: the first sign of
// a feature that is no longer written.
//
// The usual share is that of the version before (usualShares), or else that of the first look, at most firstUsual. It follows a lower
// share within a few looks and a slightly higher one within half an hour. A share that is too high does not move it.
type featureRates struct {
	filler *fill.Filler
	of     []usualOf // of each feature
	mu     struct {
		sync.Mutex
		features []featureRate // as the filler lists them
	}
	end func()
}

type featureRate struct {
	stored, defaulted uint64 // at the last look
	usual             float64
	known, departed   bool
}

// newRates begins with what is usual for each of the features.
func newRates(filler *fill.Filler, of []usualOf, usual *usualShares) *featureRates {
	r := &featureRates{filler: filler, of: of}
	for _, of := range of {
		share, known := usual.recall(of)
		r.mu.features = append(r.mu.features, featureRate{usual: share, known: known})
	}
	return r
}

// watchRates looks at the values of a version's filler until end is called.
func watchRates(filled *filled, v *models.Version, usual *usualShares, log *zap.Logger) *featureRates {
	log = log.With(zap.String("model", v.Name), zap.String("version", v.Version))
	r := newRates(filled.filler, filled.whose(v.Name), usual)
	r.end = begin(func(ctx context.Context) {
		tick := time.NewTicker(lookEach)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				left, back := r.look(r.filler.Values())
				usual.note(r.usual())
				if len(left) > 0 {
					log.Warn("features have more defaults than usual", zap.Int("count", len(left)), zap.Strings("features", left[:min(len(left), maxNamed)]))
				}
				if len(back) > 0 {
					log.Info("features have their usual defaults again", zap.Int("count", len(back)), zap.Strings("features", back[:min(len(back), maxNamed)]))
				}
			}
		}
	})
	return r
}

// look judges what has come since the last look. It names the features that have left their usual share, and those that are back.
func (r *featureRates) look(values []fill.Values) (left, back []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range values {
		f, v := &r.mu.features[i], &values[i]
		defaults := v.Default - f.defaulted
		n := v.Stored - f.stored + defaults
		if n < leastValues {
			continue
		}
		f.stored, f.defaulted = v.Stored, v.Default
		was, share := f.departed, float64(defaults)/float64(n)
		f.judge(share, float64(n))
		text := fmt.Sprintf("%s %.1f%%, usually %.1f%%", v.Feature, 100*share, 100*f.usual)
		switch {
		case f.departed && !was:
			left = append(left, text)
		case was && !f.departed:
			back = append(back, text)
		}
	}
	return left, back
}

// judge takes the share of n values.
func (f *featureRate) judge(share, n float64) {
	if !f.known {
		f.usual, f.known = min(share, firstUsual), true
	}
	// Four standard deviations of a share of n, which chance exceeds once in thirty thousand looks.
	noise := 4 * math.Sqrt(f.usual*(1-f.usual)/n)
	f.departed = share > f.usual+max(leastExcess, noise)
	switch {
	case f.departed:
	case share < f.usual:
		f.usual += (share - f.usual) / 4
	default:
		f.usual += (share - f.usual) / 30
	}
}

// usual is the shares that are known and not left.
func (r *featureRates) usual() map[usualOf]float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[usualOf]float64{}
	for i := range r.mu.features {
		if f := &r.mu.features[i]; f.known && !f.departed {
			all[r.of[i]] = f.usual
		}
	}
	return all
}

// metrics is the values with the usual shares of defaults.
func (r *featureRates) metrics() (all []telemetry.FeatureValues) {
	values := r.filler.Values()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, v := range values {
		usual := -1.0
		if r.mu.features[i].known {
			usual = r.mu.features[i].usual
		}
		all = append(all, telemetry.FeatureValues{Feature: v.Feature, Stored: v.Stored, Default: v.Default, Usual: usual})
	}
	return all
}
