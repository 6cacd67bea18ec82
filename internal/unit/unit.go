// Package unit divides units, such as users, into buckets, so that all requests of one go the same way. What divides
// for another purpose uses another salt: with the same one, the units of a 5 % mirror would be just those of a 5 % canary.
// The hash is xxHash64 (XXH64 with seed 0).
package unit

import (
	"math"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Buckets is how many buckets there are. A share is a number of them, the lowest: one that grows keeps its units.
const Buckets = 10_000

// Hash is the hash of the salt, a zero byte, and the unit.
func Hash(salt string, unit []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(salt) // a digest takes all
	_, _ = d.Write(between)
	_, _ = d.Write(unit)
	return d.Sum64()
}

var between = []byte{0}

// Bucket is the bucket of a hash.
func Bucket(hash uint64) int { return int(hash % Buckets) }

// Share is how many buckets a share from 0 to 1 is; false if it is none, or no whole number of them.
func Share(share float64) (buckets int, ok bool) {
	if !(share >= 0 && share <= 1) {
		return 0, false
	}
	whole := math.Round(share * Buckets)
	return int(whole), math.Abs(share*Buckets-whole) < 1e-6
}

// AppendExposure appends how the version of a request was chosen, such as bucket=417;share=0.05. A bucket below 0 is
// none, of a request without a unit.
func AppendExposure(b []byte, bucket, share int) []byte {
	if b = append(b, "bucket="...); bucket >= 0 {
		b = strconv.AppendInt(b, int64(bucket), 10)
	} else {
		b = append(b, "none"...)
	}
	return strconv.AppendFloat(append(b, ";share="...), OfBuckets(share), 'g', -1, 64)
}

// OfBuckets is the share that so many buckets are.
func OfBuckets(buckets int) float64 { return float64(buckets) / Buckets }
