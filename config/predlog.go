package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PredictionLog keeps a record of answers: what was asked, what came of it, how long each stage took.
type PredictionLog struct {
	// Dir is the folder of the records; one server alone may write there. Default empty: nothing is
	// recorded, and it costs nothing. Inputs may hold personal data: whoever reads the folder reads what
	// clients sent, but for what redact names.
	Dir string `yaml:"dir"`
	// Sample is the share of requests, from 0 to 1, that are recorded by chance, whatever came of them.
	// Default 0.01. Too low leaves too few rows for statistics; too high costs some microseconds of CPU for
	// each, and fills max_bytes sooner.
	Sample float64 `yaml:"sample"`
	// Index is which requests have a record at all: chosen, those of the sample and of keep, or all, the
	// others with a small one without tensors, so that `sluice log find` answers for each. Default chosen.
	// all costs some 40 bytes on the disk for each request, and 170 until they are converted.
	Index string `yaml:"index"`
	// Redact says which inputs are not written as they came, by their names, of whatever model: drop leaves
	// one out, hash writes a keyed hash of each row in its place. Default none. What is redacted cannot be
	// replayed. In a flag or a variable: card=hash,name=drop.
	Redact map[string]string `yaml:"redact"`
	// HashKey is where the key of redact's hashes is, 16 bytes or more: file:PATH, of which it is the whole
	// content, or env:NAME, a variable. Default empty: nothing is hashed. Whoever has the key can try values
	// until a hash fits.
	HashKey string `yaml:"hash_key"`
	// RowKey is the input that tells the rows of a request apart, such as item_id, for `sluice log join`.
	// Default none: labels are of all rows of their request.
	RowKey string `yaml:"row_key"`
	// MaxBytes is the most that the folder takes: the oldest files are removed. Default 10GiB. Too low
	// forgets soon; too high fills the disk.
	MaxBytes Bytes `yaml:"max_bytes"`
	// MaxAge is how long a file is kept. Default 720h. Too low forgets soon; too high keeps what clients
	// sent for longer than they may have been told.
	MaxAge time.Duration `yaml:"max_age"`

	Keep KeepRates `yaml:"keep"`
}

// KeepRates is how many requests of a kind are recorded in each second beside the sample, such as 10/s; 0/s
// keeps none. Statistics need the sample alone: the others are where to look.
type KeepRates struct {
	// Failed is how many of those that got a status of 500 or more. Default 10/s. Too low hides the causes;
	// too high fills max_bytes in a storm.
	Failed PerSecond `yaml:"failed"`
	// Refused is how many of those that got a status of 400 to 499. Default 1/s. Too low hides the causes; too
	// high fills max_bytes in a storm.
	Refused PerSecond `yaml:"refused"`
	// Late is how many of those that were answered after their deadline. Default 10/s. Too low hides the causes;
	// too high fills max_bytes in a storm.
	Late PerSecond `yaml:"late"`
	// Degraded is how many of those that did not run on their preferred device, or ran with defaults or stale values in the place of
	// features. Default 1/s. Too low hides the
	// causes; too high fills max_bytes while a device is away.
	Degraded PerSecond `yaml:"degraded"`
	// Worst is how many of those that took a larger share of their budget than any other so far in their
	// second. Default 1/s: the first of each second. Too low misses the second's slowest, which comes
	// later; too high records what was well.
	Worst PerSecond `yaml:"worst"`
}

// PerSecond is so many in a second: written 10/s.
type PerSecond int

// String writes what parse reads.
func (n PerSecond) String() string { return strconv.Itoa(int(n)) + "/s" }

// MarshalYAML writes it as String does.
func (n PerSecond) MarshalYAML() (any, error) { return n.String(), nil }

func (n *PerSecond) parse(text string) error {
	number, ok := strings.CutSuffix(text, "/s")
	v, err := strconv.Atoi(number)
	if !ok || err != nil {
		return fmt.Errorf("%q is not a rate: write a whole number and /s, such as 10/s", text)
	}
	*n = PerSecond(v)
	return nil
}

// assignNames reads names with values as a flag has them: a=drop,b=hash.
func assignNames(target *map[string]string, text string) error {
	all := map[string]string{}
	for _, part := range parts(text) {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("%q is not NAME=VALUE", part)
		}
		all[name] = value
	}
	*target = nil
	if len(all) > 0 {
		*target = all
	}
	return nil
}

// namesText writes what assignNames reads.
func namesText(all map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return strings.Join(list, ",")
}

// maxKept is the largest rate of a kind.
const maxKept = PerSecond(1_000_000)

func (v *validator) predictionLog(c *Config) {
	p := &c.PredictionLog
	between(v, "prediction_log.sample", p.Sample, 0, 1)
	v.oneOf("prediction_log.index", p.Index, "chosen", "all")
	for _, kind := range []struct {
		name string
		rate PerSecond
	}{{"failed", p.Keep.Failed}, {"refused", p.Keep.Refused}, {"late", p.Keep.Late}, {"degraded", p.Keep.Degraded}, {"worst", p.Keep.Worst}} {
		between(v, "prediction_log.keep."+kind.name, kind.rate, 0, maxKept)
	}
	between(v, "prediction_log.max_bytes", p.MaxBytes, 16*mebibyte, 1<<50)
	between(v, "prediction_log.max_age", p.MaxAge, time.Minute, 10*365*24*time.Hour)
	hashed := false
	for _, name := range slices.Sorted(maps.Keys(p.Redact)) {
		how := p.Redact[name]
		hashed = hashed || how == "hash"
		if name == "" || how != "drop" && how != "hash" {
			v.fault("prediction_log.redact", fmt.Sprintf("%q: %s", name, how), "must be the name of an input with drop or hash")
		}
	}
	switch from, name, _ := strings.Cut(p.HashKey, ":"); {
	case hashed && p.HashKey == "":
		v.fault("prediction_log.redact", namesText(p.Redact), "needs a key for its hashes: set prediction_log.hash_key")
	case p.HashKey == "":
	case from != "file" && from != "env" || name == "":
		v.fault("prediction_log.hash_key", strconv.Quote(p.HashKey), "must be file:PATH or env:NAME, never the key itself")
	case !hashed:
		v.fault("prediction_log.hash_key", p.HashKey, "is of no use while prediction_log.redact has no hash")
	}
	if how := p.Redact[p.RowKey]; how != "" {
		v.fault("prediction_log.row_key", strconv.Quote(p.RowKey), "must not be redacted: prediction_log.redact has "+how+" for it")
	}
	if p.Dir != "" && filepath.Clean(p.Dir) == filepath.Clean(c.Models) {
		v.fault("prediction_log.dir", strconv.Quote(p.Dir), "must be another folder than models, whose bundles are only read")
	}
	if p.Dir == "" && p.Index == "all" {
		v.fault("prediction_log.index", p.Index, "is of no use while prediction_log.dir is empty")
	}
}
