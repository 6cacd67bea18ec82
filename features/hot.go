package features

import (
	"bytes"
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"

	"sluice/features/store"
)

const (
	sampledOf  = 16  // one of so many rows is counted: nextSample says which
	hotCounted = 32  // keys have a counter
	hotKeyMost = 256 // bytes of a key that is counted
	hotSamples = 1 << 14
)

// nextSample is how many rows to skip before the next one that is counted. The number is geometric: so each row has the same
// chance, however many rows a fetch sees before it leaves the pool. It is drawn as the random digits of four bits before the first
// that is 0.
func nextSample() (skip uint32) {
	const ones, highs = 0x1111_1111_1111_1111, 0x8888_8888_8888_8888
	for ; ; skip += 16 {
		v := rand.Uint64()
		if zeros := (v - ones) &^ v & highs; zeros != 0 { // its lowest bit is of the first digit that is 0
			return skip + uint32(bits.TrailingZeros64(zeros)/4)
		}
	}
}

// hotKeys finds the keys that are asked for most: the space-saving sketch (A. Metwally, D. Agrawal, A. El Abbadi, Efficient
// Computation of Frequent and Top-k Elements in Data Streams, 2005). A key that has no counter takes over the
// smallest one, with its count. All counts are halved now and then, so that yesterday's keys go.
type hotKeys struct {
	mu struct {
		sync.Mutex
		keys    []hotKey
		samples int
	}
}

type hotKey struct {
	key   []byte
	hash  uint64
	count uint64
	over  uint64 // what the count may be too high by
}

// add counts a key, unless others are at it.
func (h *hotKeys) add(hash uint64, key store.Key) {
	if len(key) > hotKeyMost || !h.mu.TryLock() {
		return
	}
	defer h.mu.Unlock()
	if h.mu.samples++; h.mu.samples == hotSamples {
		h.mu.samples = 0
		for i := range h.mu.keys {
			h.mu.keys[i].count /= 2
			h.mu.keys[i].over /= 2
		}
	}
	least := 0
	for i := range h.mu.keys {
		k := &h.mu.keys[i]
		if k.hash == hash && bytes.Equal(k.key, key) {
			k.count++
			return
		}
		if k.count < h.mu.keys[least].count {
			least = i
		}
	}
	if len(h.mu.keys) < hotCounted {
		h.mu.keys = append(h.mu.keys, hotKey{key: bytes.Clone(key), hash: hash, count: 1})
		return
	}
	k := &h.mu.keys[least]
	k.key, k.hash, k.over = append(k.key[:0], key...), hash, k.count
	k.count++
}

// HotKey is a key that is asked for often.
type HotKey struct {
	Key store.Key
	// Count is an estimate of how often requests asked for it lately, AtLeast what it is at least but for sampling.
	Count, AtLeast uint64
}

// read lists the keys that are certainly asked for, the hottest first.
func (h *hotKeys) read() []HotKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	var hot []HotKey
	for _, k := range h.mu.keys {
		hot = append(hot, HotKey{bytes.Clone(k.key), k.count * sampledOf, (k.count - k.over) * sampledOf})
	}
	slices.SortFunc(hot, func(a, b HotKey) int { return cmp.Compare(b.AtLeast, a.AtLeast) })
	return hot
}
