package payload

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Protocol is how a request is written.
type Protocol uint8

const (
	// JSON is the Open Inference Protocol with JSON tensors, both ways. FP16 and BF16, for
	// which it has none, go as binary data.
	JSON Protocol = iota
	// Binary is the Open Inference Protocol with binary tensors, both ways.
	Binary
	// V1 is the predict format of TensorFlow Serving and KServe.
	V1
	// HTTP is a request template.
	HTTP
)

// String is the protocol's name in reports.
func (p Protocol) String() string {
	return [...]string{"oip-json", "oip-binary", "v1", "http"}[p]
}

// Options say what to send. The zero value is 256 variants of drawn inputs as JSON.
type Options struct {
	// Protocol is JSON, Binary or V1; templates have a function of their own.
	Protocol Protocol
	// Source is where inputs come from: "random" (default), "random:wide", "zero",
	// "golden:FILE" (a bundle's golden rows, or a file of expected answers) or "npy:DIR".
	Source string
	// Range bounds what "random" draws; nil means its defaults.
	Range *Range
	// Shapes are whole shapes by input; -1 leaves a dimension to Dims.
	Shapes map[string][]int64
	// Dims are single dimensions: "batch" is the first one of every input, "x.1" is axis 1
	// of input x. Each variant draws anew, but all inputs of a variant share its batch.
	Dims map[string]Dim
	// Variants is how many different requests are prepared; 0 means 256, or with files all
	// that they hold.
	Variants int
	// Seed determines all that is drawn.
	Seed uint64
	// Budget is the Sluice-Budget-Ms header; none if it is 0.
	Budget time.Duration
	// Timeout and Priority are parameters of the Open Inference Protocol; none if they are 0.
	Timeout  time.Duration
	Priority uint64
	// Headers are further ones, as "Name: value".
	Headers []string
}

const (
	defaultVariants = 256
	// maxVariants is what a sample's index holds.
	maxVariants = 1 << 16
	// maxPrepared bounds the memory of all prepared requests together.
	maxPrepared = 1 << 30
	maxTensor   = 64 << 20
)

// Range is the closed interval that values are drawn from.
type Range struct{ Low, High float64 }

// ParseRange reads "lo..hi".
func ParseRange(text string) (Range, error) {
	lo, hi, ok := strings.Cut(text, "..")
	low, err := strconv.ParseFloat(lo, 64)
	high, err2 := strconv.ParseFloat(hi, 64)
	if !ok || err != nil || err2 != nil || !(low <= high) || high-low > 1e308 {
		return Range{}, usagef("range %q: give two numbers as lo..hi, the lower one first", text)
	}
	return Range{low, high}, nil
}

// ParseShape reads "x=1,128".
func ParseShape(text string) (input string, shape []int64, err error) {
	at := strings.LastIndexByte(text, '=')
	if at < 1 {
		return "", nil, usagef("shape %q: give an input and its dimensions as x=1,128", text)
	}
	input = text[:at]
	if text[at+1:] == "" {
		return input, []int64{}, nil
	}
	for part := range strings.SplitSeq(text[at+1:], ",") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < -1 {
			return "", nil, usagef("shape %q: dimension %q is no length", text, part)
		}
		shape = append(shape, n)
	}
	return input, shape, nil
}

// Dim is the length of a dimension: one number, several to choose from, or a range.
type Dim struct {
	choices []int64
	low     int64
	high    int64
}

// ParseDim reads "batch=8", "batch=uniform:1-8" or "x.1=choice:16|32".
func ParseDim(text string) (key string, dim Dim, err error) {
	at := strings.LastIndexByte(text, '=')
	if at < 1 {
		return "", dim, usagef("dim %q: give a dimension and its length as batch=uniform:1-8", text)
	}
	key, value := text[:at], text[at+1:]
	if axis := key[strings.LastIndexByte(key, '.')+1:]; key != "batch" && (axis == key || !isNumber(axis)) {
		return "", dim, usagef("dim %q: give \"batch\", or an input and an axis as x.1", text)
	}
	parts, separator := []string{value, value}, ""
	if list, ok := strings.CutPrefix(value, "choice:"); ok {
		parts, separator = strings.Split(list, "|"), "|"
	} else if bounds, ok := strings.CutPrefix(value, "uniform:"); ok {
		parts = strings.Split(bounds, "-")
	}
	for _, part := range parts {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || n < 0 {
			return "", dim, usagef("dim %q: %q is no length", text, part)
		}
		dim.choices = append(dim.choices, n)
	}
	if separator == "" {
		if len(parts) != 2 || dim.choices[0] > dim.choices[1] {
			return "", dim, usagef("dim %q: give the bounds as uniform:1-8, the lower one first", text)
		}
		dim = Dim{low: dim.choices[0], high: dim.choices[1]}
	}
	return key, dim, nil
}

func isNumber(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == text
}

func (d Dim) draw(rng *rand.Rand) int64 {
	if len(d.choices) > 0 {
		return d.choices[rng.IntN(len(d.choices))]
	}
	return d.low + rng.Int64N(d.high-d.low+1)
}

// String is the dimension as reports show it.
func (d Dim) String() string {
	switch {
	case len(d.choices) > 0:
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(d.choices), "[]"), " ", "|")
	case d.low == d.high:
		return strconv.FormatInt(d.low, 10)
	}
	return fmt.Sprintf("%d-%d", d.low, d.high)
}
