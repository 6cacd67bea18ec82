package verify

import (
	"bytes"
	"strings"
	"sync/atomic"

	"sluice/internal/http1"
	"sluice/loadtest/result"
)

// versions counts answers by the model version that gave them. The engine's thread counts,
// anybody reads.
type versions struct {
	last *version // the engine's alone
	all  atomic.Pointer[[]*version]
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
	for _, known := range v.list() {
		if len(known.tag) == len(line)+3 && bytes.Equal(known.tag[1:len(line)+1], line) {
			v.count(known)
			return true
		}
	}
	tag := append(append([]byte{'\n'}, line...), '\r', '\n')
	_, number, digest := parseTag(string(http1.Field(head, tagHeader)))
	v.add(tag, "version "+versionName(number, digest))
	return true
}

// versionName is a version with the beginning of its digest, if it has one.
func versionName(version, digest string) string {
	return strings.TrimSpace(version + " " + digest[:min(len(digest), 12)])
}

// named counts an answer by the version that its body names.
func (v *versions) named(name []byte) {
	if len(name) == 0 {
		return
	}
	if v.last != nil && v.last.tag == nil && v.last.is(name) {
		v.last.n.Add(1)
		return
	}
	for _, known := range v.list() {
		if known.is(name) {
			v.count(known)
			return
		}
	}
	v.add(nil, "version "+string(name))
}

func (v *version) is(name []byte) bool {
	const prefix = "version "
	return len(v.name) == len(prefix)+len(name) && v.name[len(prefix):] == string(name)
}

func (v *versions) count(known *version) {
	v.last = known
	known.n.Add(1)
}

func (v *versions) add(tag []byte, name string) {
	list := v.list()
	if len(list) == maxVersions {
		v.count(list[maxVersions-1])
		return
	}
	if len(list) == maxVersions-1 {
		tag, name = nil, "other versions"
	}
	known := &version{tag: tag, name: name}
	longer := append(append([]*version{}, list...), known)
	v.all.Store(&longer)
	v.count(known)
}

func (v *versions) list() []*version {
	if list := v.all.Load(); list != nil {
		return *list
	}
	return nil
}

func (v *versions) counts() []result.Count {
	var counts []result.Count
	for _, known := range v.list() {
		counts = append(counts, result.Count{Name: known.name, N: known.n.Load()})
	}
	return counts
}
