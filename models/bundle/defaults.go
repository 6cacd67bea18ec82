package bundle

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"sluice/internal/agree"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Defaults stand in for what model.yaml does not say.
type Defaults struct {
	// Budget is the latency budget of a request that names none; 0 means that each model gets
	// one by what its row takes.
	Budget time.Duration
	// MaxBudget bounds those; 0 means 10 minutes.
	MaxBudget time.Duration
	// MaxBatch is the most rows of one run; 0 means 64.
	MaxBatch int
	// MaxRows is the most rows of one request; 0 means the larger of MaxBatch and 1024.
	MaxRows int
	// Rows is the most rows of a request to a model of which nothing else says it; 0 means 1024.
	Rows int
	// Unproven says what becomes of a model that is neither proven nor refuted; empty means
	// UnprovenBatch.
	Unproven Unproven
	// UnfairRows lets short requests crowd out long ones.
	UnfairRows bool
	// Tolerance bounds how far two answers for one row may differ; zero means
	// 1e-4 + 1e-3 of the value.
	Tolerance agree.Tolerance
	// Devices are where a model runs; nil means every device of the server.
	Devices []string
	// Fallback is when requests leave the preferred device; empty means FallbackBudget.
	Fallback Fallback
	// Isolation is where sessions on the CPU live; empty leaves it to Device.Open.
	Isolation Isolation
}

const defaultMaxRows = 1024

// WithDefaults fills in the documented defaults.
func (d Defaults) WithDefaults() Defaults {
	d.MaxBudget = cmp.Or(d.MaxBudget, 10*time.Minute)
	d.MaxBatch = cmp.Or(d.MaxBatch, 64)
	d.Tolerance = cmp.Or(d.Tolerance, agree.Loading)
	return d
}

// Origin is where a setting comes from.
type Origin string

// The origins. A default is the server's, or the program's where the server has none.
const (
	OriginFile     Origin = ConfigFile
	OriginModel    Origin = ModelConfigFile
	OriginTriton   Origin = TritonFile
	OriginDefault  Origin = "default"
	OriginMeasured Origin = "measured" // a budget that nobody gives
)

// comes notes where settings come from, unless somebody has said more. sha256 is about files and is none.
func (c *Config) comes(from Origin, keys ...string) {
	for _, key := range keys {
		if _, known := c.Origins[key]; known || key == pinsKey {
			continue
		}
		if c.Origins == nil {
			c.Origins = map[string]Origin{}
		}
		c.Origins[key] = from
	}
}

const pinsKey = "sha256"

// checkOrigins holds what a trial process says of them against what there is.
func (c *Config) checkOrigins() error {
	keys := map[string]bool{}
	for _, s := range c.Settings() {
		keys[s.Key] = true
	}
	for key, from := range c.Origins {
		if !keys[key] || from != OriginFile && from != OriginModel && from != OriginTriton {
			return fmt.Errorf("it has the setting %.64q from %.64q", key, string(from))
		}
	}
	return nil
}

// Setting is a setting that a version is served with.
type Setting struct {
	Key string
	// Value is as model.yaml has it, on one line; empty if nothing is set. Of a long one it is the beginning and the digest.
	Value string
	From  Origin
}

// Settings are all settings in the order of Config, but for sha256.
func (c *Config) Settings() (all []Setting) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "-" || key == pinsKey {
			continue
		}
		s := Setting{Key: key, Value: settingText(v.Field(i)), From: cmp.Or(c.Origins[key], OriginDefault)}
		if key == "budget" && (c.BudgetFrom == BudgetMeasured || c.BudgetFrom == BudgetLeast) {
			s.From = OriginMeasured
		}
		all = append(all, s)
	}
	return all
}

// maxSettingText is how much of a value is told.
const maxSettingText = 200

func settingText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		if v.IsNil() {
			return ""
		}
	case reflect.String:
		return v.String()
	}
	data, err := yaml.MarshalWithOptions(v.Interface(), yaml.Flow(true))
	if err != nil {
		data = fmt.Append(nil, v.Interface()) // no value is known that cannot be written
	}
	text := strings.TrimSpace(string(data))
	if len(text) <= maxSettingText {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s... (%d bytes, SHA-256 %x)", strings.ToValidUTF8(text[:maxSettingText], ""), len(text), sum[:6])
}

// Session is a bundle loaded on a device.
type Session interface {
	task.Runner
	Schema() *tensor.Schema
	Close() error
}

// BudgetBasis is where a version's budget comes from.
type BudgetBasis string

// The bases.
const (
	BudgetOwn      BudgetBasis = "model"     // its model.yaml
	BudgetSettings BudgetBasis = "settings"  // scheduler.budget
	BudgetMeasured BudgetBasis = "measured"  // a multiple of what one row takes
	BudgetLeast    BudgetBasis = "automatic" // the least, which that multiple does not pass
)

const (
	// leastBudget and budgetRows make a budget that nobody gives: the larger of leastBudget and
	// budgetRows times one row. Five rows leave room for a run that is under way, for a batch
	// of several rows, and for a machine that is slower than when it was measured.
	leastBudget = 100 * time.Millisecond
	budgetRows  = 5
	// unsetBudget marks a Config whose file gives no budget. 0 in a file is a fault.
	unsetBudget = time.Duration(math.MinInt64)
)

// AutomaticBudget is the budget of a model whose row takes so long, of which nobody has said
// more. It goes up in steps of 1, 2 and 5, so that replicas that measure a little differently
// mostly agree, and is at most the longest that a request may ask for.
func AutomaticBudget(row, most time.Duration) (time.Duration, BudgetBasis) {
	budget, basis := leastBudget, BudgetLeast
	for step := 0; budget < budgetRows*row; step++ {
		if basis = BudgetMeasured; step%3 == 1 {
			budget = budget / 2 * 5
		} else {
			budget *= 2
		}
	}
	return min(budget, most), basis
}

// giveBudget puts the server's budget where model.yaml gives none; 0 is left for settleBudget.
func (c *Config) giveBudget(d *Defaults) {
	switch {
	case c.Budget != unsetBudget:
		c.BudgetFrom = BudgetOwn
	case d.Budget > 0:
		c.Budget, c.BudgetFrom = d.Budget, BudgetSettings
	default:
		c.Budget = 0
	}
}

// SettleBudget fixes a budget that nobody gives once a device has measured a row; row is 0 where
// none is known. The device is the first of the model's that serves it: a budget is a promise
// about where requests go as a rule. By a slower fallback it would be so long that queues grow
// on the preferred device unseen; the fallback takes what it can make. It stays as it is while
// the version serves, whatever runs take later and whichever device joins.
func (c *Config) SettleBudget(row, most time.Duration) {
	if c.Budget == 0 {
		c.Budget, c.BudgetFrom = AutomaticBudget(row, most)
	}
}
