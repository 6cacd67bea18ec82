package bundle

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/compare/criteria"
	"sluice/features/spec"
	"sluice/internal/agree"
	"sluice/internal/near"
)

// ConfigFile is the name of a bundle's optional settings.
const ConfigFile = "model.yaml"

// MaxBudget is the longest budget that model.yaml may give.
const MaxBudget = time.Hour

const (
	maxBatchLimit = 4096
	maxRowsLimit  = 1 << 20
	maxWeight     = 1000
)

// Config is what model.yaml says: the version's own, and where that is silent the model's (Sources). What
// both leave out is what config.pbtxt says, if there is one (see TritonFields), and else the default. The
// tag in names the file that alone may have a key.
type Config struct {
	// Budget is the latency budget of a request that names none. Default scheduler.budget, or if
	// nobody sets that the larger of 100ms and five times the measured row, rounded up. Too low sheds
	// requests that could be served; too high lets queues grow.
	Budget time.Duration `yaml:"budget"`
	// MaxBatch is the most rows of one run, or 0 to run each request whole and alone, for a model
	// whose axis 0 is no batch. Default model_defaults.max_batch, 64. Too low wastes a device that
	// large batches would fill; too high makes the memory of every lane grow, and warm-up long.
	MaxBatch int `yaml:"max_batch"`
	// MaxRows is the most rows of one request; more than max_batch are split. Default
	// model_defaults.max_rows: the larger of max_batch and 1024. Too low refuses long lists
	// (400); too high lets one request hold the device for many batches.
	MaxRows int `yaml:"max_rows"`
	// Batch is the word coupled for a model whose rows may change each other and that is batched all the
	// same, such as one of dynamic quantisation; every answer says so. Default empty: what the gates
	// show.
	Batch BatchSetting `yaml:"batch"`
	// Unproven says what becomes of a model that the graph does not prove and a test does not
	// refute: batch, under the watch of live comparisons, or single. Default
	// model_defaults.unproven, batch.
	Unproven Unproven `yaml:"unproven"`
	// FairRows leaves room in the queue for long requests where short ones would crowd them out, and for
	// short budgets where long ones would. Default model_defaults.fair_rows, true. false answers more of
	// the short requests and of the long budgets in overload, and far fewer of the others.
	FairRows bool `yaml:"fair_rows"`
	// Once is the inputs that a request gives once for all its rows, such as the user beside the
	// items of a ranking; an empty list is none. Default absent: those of which the graph shows it.
	Once []string `yaml:"once"`
	// Optional is the inputs that the file has a value for and that requests may give. Default none.
	Optional []string `yaml:"optional"`
	// Tolerance bounds the difference of two answers for one row, for golden rows, batch invariance
	// and device parity: abs + rel * |expected value|.
	Tolerance agree.Tolerance `yaml:"tolerance"`
	// MaxLength is the largest length of each free axis besides the batch, by its name in the file, or
	// as INPUT.AXIS where it has none. A longer row is refused (400), and a run of long rows holds
	// fewer of them. Default measured: the longest power of two at which a row takes an eighth of the
	// memory ceiling at most. Too low refuses good requests; too high lets one request take the memory
	// of all.
	MaxLength map[string]int `yaml:"max_length"`
	// Padding lets rows of different length share a batch. Default absent: they run apart.
	Padding *PaddingConfig `yaml:"padding"`
	// Devices are where the model runs, in order of preference. Default none: every device of the
	// server, in its order. The first that is there is preferred, the others are its fallback. Identical
	// GPUs that follow each other share the requests. Each holds its own session, and so the model's
	// memory.
	Devices []string `yaml:"devices"`
	// Fallback says when the devices after the preferred one take requests: budget, when that would
	// be late, failure, when it failed or is closed, or never. Default budget.
	Fallback Fallback `yaml:"fallback"`
	// Prefer says which of the devices a request goes to where several would be in time: order, the first
	// in the list, or cheapest-in-budget, the one on which its rows cost least (scheduler.prices). Default
	// scheduler.prefer. With a fallback other than budget it is order.
	Prefer Prefer `yaml:"prefer"`
	// Isolation says where the CPU's session lives: none, in the gateway's process, or process, in one
	// of its own, which costs a copy of the library and keeps a model that crashes away from the gateway.
	// Default empty: the server's, and process where an operator can end its process for some values, as
	// the division of integers does.
	Isolation Isolation `yaml:"isolation"`
	// Weight is the model's share of a device against the other models there. Default 1. Too low makes
	// it wait when the others are busy; too high makes the others wait.
	Weight float64 `yaml:"weight"`
	// Nonfinite is how answers write NaN and the infinities in JSON, which has no words for them:
	// "literal" as the bare words NaN and Infinity, as other servers do, "null" as null. Default
	// literal, which strict JSON readers such as browsers' refuse; null loses which of the three
	// it was. A request's Sluice-Nonfinite header comes first, and binary data has all of them.
	Nonfinite Nonfinite `yaml:"nonfinite"`
	// Labels is the names of the classes of each output, for the classification extension. Default
	// none.
	Labels map[string][]string `yaml:"labels"`
	// Outputs is what outputs mean to a comparison with a candidate, by their names. Default none: kinds are guessed from
	// datatype, shape and labels.
	Outputs map[string]criteria.Output `yaml:"outputs"`
	// Criteria is what a candidate has to show in a comparison: limits of figures. Default none: a few for each kind of
	// output.
	Criteria []criteria.Criterion `yaml:"criteria"`
	// Segments is the inputs by whose values a comparison is split, such as a country. Default none.
	Segments []string `yaml:"segments"`
	// Features fills inputs from stores, so that requests need name only what they are about. Default absent: requests have every
	// input.
	Features *spec.Settings `yaml:"features"`
	// SHA256 is the digests of files by name, as sha256sum prints them; sluice models pin writes them.
	// If it is given, every file of the bundle but model.yaml must be in it, and be just that. That of
	// model.yaml, if it is there, is of its text without the line that says it. Default none: any
	// content.
	SHA256 map[string]string `yaml:"sha256" in:"version"`
	// Lineage says where the model comes from: names with texts, shown and not read. Default none.
	Lineage map[string]string `yaml:"lineage" in:"version"`
	// Promote says what becomes of a version that has passed the load gates and is newer than the live
	// one: newest, it becomes live at once, manual, it waits for sluice models promote, or plan, it is tried
	// step by step as rollout says. Default model_defaults.promote, newest.
	Promote Promotion `yaml:"promote" in:"model"`
	// Rollout is the plan by which a version becomes live, with promote: plan. Default absent: the defaults of each
	// of its keys.
	Rollout *RolloutConfig `yaml:"rollout" in:"model"`
	// KeepPrevious keeps the version that was live before loaded, so that a way back needs no load.
	// Default model_defaults.keep_previous, true. false saves its memory.
	KeepPrevious *bool `yaml:"keep_previous" in:"model"`
	// Unit is the input whose value names the unit, such as a user, by which requests are split between
	// versions. It has one whole number or text for each row. Default none.
	Unit string `yaml:"unit" in:"model"`
	// Shadow is what a shadow is asked: model, the inputs that the live version ran with, or pipeline, what the client sent, so that it fills
	// its inputs itself and the effect of its features is told apart from that of its model. Default model. pipeline reads the stores
	// once more for each request that is mirrored.
	Shadow ShadowMode `yaml:"shadow" in:"model"`

	// Triton is what config.pbtxt says; nil without one.
	Triton *Triton `yaml:"-"`
	// Asked means that somebody named the devices or the fallback, so that one that cannot
	// be had is a fault of the settings and not only a pity.
	Asked bool `yaml:"-"`
	// BudgetFrom is where Budget comes from.
	BudgetFrom BudgetBasis `yaml:"-"`
	// Origins are the files that the settings come from, by key. One that is not there is a default.
	Origins map[string]Origin `yaml:"-"`
	// Lines are those of what is said of comparisons and features, such as criteria[0], where they are known.
	Lines map[string]int `yaml:"-"`
}

// BatchSetting is what model.yaml says of batching.
type BatchSetting string

// BatchCoupled batches rows that change each other.
const BatchCoupled BatchSetting = "coupled"

// Unproven is what becomes of a model of which nothing is proven or refuted.
type Unproven string

// The choices.
const (
	UnprovenBatch  Unproven = "batch"
	UnprovenSingle Unproven = "single"
)

// ShadowMode is what a shadow is asked.
type ShadowMode string

// The modes. Empty is ShadowModel.
const (
	ShadowModel    ShadowMode = "model"    // the inputs that the live version ran with
	ShadowPipeline ShadowMode = "pipeline" // what the client sent
)

// Promotion says what becomes of a candidate: a version that is proven and newer than the live one.
type Promotion string

// The policies.
const (
	PromoteNewest Promotion = "newest" // it becomes live at once
	PromoteManual Promotion = "manual" // it waits for somebody to promote it
	PromotePlan   Promotion = "plan"   // it is tried step by step, and then live or rejected
)

// Fallback is when a model's requests may leave its preferred device.
type Fallback string

// The policies. With FallbackNever a model has a session on its preferred device alone.
const (
	FallbackBudget  Fallback = "budget"  // when the preferred device would be late
	FallbackFailure Fallback = "failure" // when the preferred device failed or is closed
	FallbackNever   Fallback = "never"
)

// Prefer is which device is used where several would be in time.
type Prefer string

// The rules.
const (
	PreferOrder    Prefer = "order"
	PreferCheapest Prefer = "cheapest-in-budget"
)

// Isolation is where a session on the CPU lives.
type Isolation string

// The places. IsolationProcess costs a copy of the library and keeps a model that crashes
// away from the gateway.
const (
	IsolationNone    Isolation = "none"    // in the gateway's process
	IsolationProcess Isolation = "process" // in a worker process
)

// PaddingConfig describes the free axis that may be padded.
type PaddingConfig struct {
	// Axis is the symbolic name of the dimension in the file, such as seq, which must be given.
	Axis string `yaml:"axis"`
	// Buckets are the lengths that batches are padded to, ascending, which must be given. A longer row
	// runs at its own length; many buckets waste less work and make smaller batches.
	Buckets []int `yaml:"buckets"`
	// Values is what pads each input. Default 0 for each.
	Values map[string]float64 `yaml:"values"`
}

// validate reports every fault at once.
func (c *Config) validate() error {
	var faults []error
	fail := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf(c.fileOf(key)+": "+format, args...))
	}
	if c.Budget != unsetBudget && (c.Budget < time.Millisecond || c.Budget > MaxBudget) {
		fail("budget", "budget is %v; it must be from 1ms to %v", c.Budget, MaxBudget)
	}
	if c.MaxBatch < 0 || c.MaxBatch > maxBatchLimit {
		fail("max_batch", "max_batch is %d; it must be from 1 to %d, or 0 to run requests whole", c.MaxBatch, maxBatchLimit)
	}
	if c.MaxRows < 0 || c.MaxRows > maxRowsLimit {
		fail("max_rows", "max_rows is %d; it must be from 1 to %d, or 0 for the default", c.MaxRows, maxRowsLimit)
	}
	if c.MaxRows > 0 && c.MaxRows < c.MaxBatch {
		fail("max_rows", "max_rows is %d, below max_batch %d", c.MaxRows, c.MaxBatch)
	}
	for _, t := range []struct {
		name  string
		value float64
	}{{"abs", c.Tolerance.Abs}, {"rel", c.Tolerance.Rel}} {
		if !(t.value >= 0) || math.IsInf(t.value, 0) {
			fail("tolerance", "tolerance.%s is %v; it must be a number from 0 on", t.name, t.value)
		}
	}
	if !(c.Weight >= 0 && c.Weight <= maxWeight) {
		fail("weight", "weight is %v; it must be a number from 0 to %d, and 0 means 1", c.Weight, maxWeight)
	}
	if c.Batch != "" && c.Batch != BatchCoupled {
		fail("batch", "batch is %.40q; it can be coupled%s, or be left out", string(c.Batch), near.Meant(string(c.Batch), []string{string(BatchCoupled)}))
	}
	if c.Unproven != "" && c.Unproven != UnprovenBatch && c.Unproven != UnprovenSingle {
		fail("unproven", "unproven is %.40q; it must be batch or single%s", string(c.Unproven), near.Meant(string(c.Unproven), []string{string(UnprovenBatch), string(UnprovenSingle)}))
	}
	if c.Promote != "" && c.Promote != PromoteNewest && c.Promote != PromoteManual && c.Promote != PromotePlan {
		fail("promote", "promote is %.40q; it must be newest, manual or plan%s", string(c.Promote), near.Meant(string(c.Promote), []string{string(PromoteNewest), string(PromoteManual), string(PromotePlan)}))
	}
	if c.Shadow != "" && c.Shadow != ShadowModel && c.Shadow != ShadowPipeline {
		fail("shadow", "shadow is %.40q; it must be model or pipeline%s", string(c.Shadow), near.Meant(string(c.Shadow), []string{string(ShadowModel), string(ShadowPipeline)}))
	}
	if c.Nonfinite != NonfiniteLiteral && c.Nonfinite != NonfiniteNull {
		fail("nonfinite", "nonfinite is %.40q; it must be literal or null", string(c.Nonfinite))
	}
	if c.Batch == BatchCoupled && c.MaxBatch <= 1 {
		fail("batch", "batch is coupled and max_batch is %d, so that no rows share a run; drop one of them", c.MaxBatch)
	}
	c.validateLists(fail)
	return errors.Join(faults...)
}

// validateLists holds what the settings say of single inputs, outputs and files against the rules.
func (c *Config) validateLists(fail func(key, format string, args ...any)) {
	named := func(key string, names []string) {
		for i, name := range names {
			if name == "" || slices.Contains(names[:i], name) {
				fail(key, "%s[%d] is %.40q; give each input's name, and none twice", key, i, name)
			}
		}
	}
	named("once", c.Once)
	named("optional", c.Optional)
	c.validateLengths(fail)
	if c.Padding != nil {
		if err := c.Padding.validate(); err != nil {
			fail("padding", "%w", err)
		}
	}
	if c.Rollout != nil {
		if err := c.Rollout.validate(); err != nil {
			fail("rollout", "%w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if len(c.Labels[name]) == 0 {
			fail("labels", "labels.%s is empty; leave it out or name the classes", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.SHA256)) {
		if !IsDigest(c.SHA256[name]) {
			fail("sha256", "sha256.%s is %.80q; it must be 64 hexadecimal digits in lower case", name, c.SHA256[name])
		}
	}
}

func (p *PaddingConfig) validate() error {
	if p.Axis == "" {
		return errors.New("padding.axis is missing; name the free dimension, such as seq")
	}
	if len(p.Buckets) == 0 {
		return errors.New("padding.buckets is empty; list the lengths to pad to, such as [16, 32, 64]")
	}
	for i, b := range p.Buckets {
		if b < 1 || i > 0 && b <= p.Buckets[i-1] {
			return fmt.Errorf("padding.buckets[%d] is %d; the buckets must be ascending, from 1 on", i, b)
		}
	}
	return nil
}

// IsDigest tells whether a text may be a SHA-256 digest.
func IsDigest(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }
