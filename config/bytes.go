package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size: written 64MiB, 8KiB, 1GiB, or as a plain number of bytes.
type Bytes int64

const (
	kibibyte Bytes = 1 << 10
	mebibyte Bytes = 1 << 20
	gibibyte Bytes = 1 << 30
)

var sizeUnits = []struct {
	name string
	size Bytes
}{{"GiB", gibibyte}, {"MiB", mebibyte}, {"KiB", kibibyte}}

// String writes the largest unit that divides the size.
func (b Bytes) String() string {
	for _, unit := range sizeUnits {
		if b != 0 && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalYAML writes the size as String does.
func (b Bytes) MarshalYAML() (any, error) { return b.String(), nil }

// parse reads what String writes.
func (b *Bytes) parse(text string) error {
	number, size := text, Bytes(1)
	for _, unit := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, unit.name); ok {
			number, size = rest, unit.size
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a size: write bytes, or a whole number of KiB, MiB or GiB", text)
	}
	if n > math.MaxInt64/int64(size) || n < math.MinInt64/int64(size) {
		return fmt.Errorf("%q is more than 64 bits of bytes", text)
	}
	*b = Bytes(n) * size
	return nil
}
