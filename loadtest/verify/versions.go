package verify

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/internal/http1"
	"sluice/loadtest/result"
)

// versions counts answers by the model version that gave them. The engine's thread counts,
// anybody reads.
type versions struct {
	last *version // the engine's alone
	mu   struct {
		sync.Mutex // the engine takes it to add one, and all others to read
		all        []*version
	}
}

type version struct {
	// tag is the whole line of the Sluice-Model header, line ends in front and behind; nil if
	// the version was named in the body.
	tag  []byte
	name string
	n    atomic.Int64
}

// maxVersions bounds what a target may invent; whatever comes after is counted together.
const maxVersions = 64

const tagHeader = "sluice-model"

// tagged counts an answer by its Sluice-Model header, if it has one.
func (v *versions) tagged(head []byte) bool {
	if v.last != nil && v.last.tag != nil && bytes.Contains(head, v.last.tag) {
		v.last.n.Add(1)
		return true
	}
	line := http1.FieldLine(head, tagHeader)
	if line == nil {
		return false
	}
	if !v.count(func(known *version) bool { return bytes.Equal(bytes.Trim(known.tag, "\r\n"), line) }) {
		_, number, digest := parseTag(string(http1.Field(head, tagHeader)))
		v.add(slices.Concat([]byte("\n"), line, []byte("\r\n")), "version "+versionName(number, digest))
	}
	return true
}

// versionName is a version with the beginning of its digest, if it has one.
func versionName(version, digest string) string {
	return strings.TrimSpace(version + " " + digest[:min(len(digest), 12)])
}

// named counts an answer by the version that its body names.
func (v *versions) named(name []byte) {
	const prefix = "version "
	is := func(known *version) bool {
		return len(known.name) == len(prefix)+len(name) && known.name[len(prefix):] == string(name)
	}
	if len(name) > 0 && !v.count(is) {
		v.add(nil, prefix+string(name))
	}
}

// count counts an answer of a version that is known.
func (v *versions) count(is func(known *version) bool) bool {
	if v.last == nil || !is(v.last) {
		at := slices.IndexFunc(v.mu.all, is)
		if at < 0 {
			return false
		}
		v.last = v.mu.all[at]
	}
	v.last.n.Add(1)
	return true
}

func (v *versions) add(tag []byte, name string) {
	if len(v.mu.all) == maxVersions-1 {
		tag, name = nil, "other versions"
	}
	if len(v.mu.all) < maxVersions {
		v.mu.Lock()
		v.mu.all = append(v.mu.all, &version{tag: tag, name: name})
		v.mu.Unlock()
	}
	v.last = v.mu.all[len(v.mu.all)-1]
	v.last.n.Add(1)
}

func (v *versions) counts() (counts []result.Count) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, known := range v.mu.all {
		counts = append(counts, result.Count{Name: known.name, N: known.n.Load()})
	}
	return counts
}
