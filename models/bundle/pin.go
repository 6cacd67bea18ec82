package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sluice/internal/prescan"
)

// PinState is what Pin found.
type PinState struct {
	// Files is how many files are pinned, or are to be.
	Files int
	// Off says why the pins are not as they should be, empty if they are: the bundle is as it was
	// when it was pinned.
	Off string
}

// Pin compares a bundle's files with the digests in its model.yaml and, with write, puts those
// digests there. It parses model.yaml, so it is for the operator's own command.
func (b *Bundle) Pin(write bool) (PinState, error) {
	if b.Bare && !b.claims(ConfigFile) {
		return PinState{Off: "a model file without a folder of its own has no " + ConfigFile + ": move it to " + b.Name + "/1/" + ModelFile}, nil
	}
	s, want, err := b.digests()
	if err != nil {
		return PinState{}, err
	}
	state := PinState{Files: len(want)}
	old, err := pinsIn(s)
	if err != nil {
		return state, err
	}
	if state.Off = unpinned(old, want); state.Off == "" || !write {
		return state, nil
	}
	fresh, err := repin(s, want)
	if err != nil {
		return state, err
	}
	return state, b.writeSettings(fresh)
}

// digests hashes every file, model.yaml without its own line, and returns the settings' texts.
func (b *Bundle) digests() (s Sources, want map[string]string, err error) {
	rest, err := b.take(nil)
	if err != nil {
		return s, nil, err
	}
	for _, name := range rest { // weights beside the model file
		if err := b.takeFile(name, math.MaxInt64, ""); err != nil {
			return s, nil, err
		}
	}
	want = map[string]string{}
	for _, f := range b.Files {
		want[f.Name] = f.SHA256
	}
	s, err = b.sources()
	return s, want, err
}

// ownLine is the line of model.yaml with its own digest, which cannot be part of what it is of.
var ownLine = regexp.MustCompile(`(?m)^[ \t]+"?model\.yaml"?:.*(\n|\z)`)

// ownDigest is model.yaml's digest without that line.
func ownDigest(text []byte) string {
	sum := sha256.Sum256(ownLine.ReplaceAll(text, nil))
	return hex.EncodeToString(sum[:])
}

// pinsIn are the digests that a model.yaml has, its own as true or false.
func pinsIn(s Sources) (map[string]string, error) {
	c, err := s.Decode(Defaults{}.WithDefaults())
	if err != nil {
		return nil, err
	}
	if own, there := c.SHA256[ConfigFile]; there && own == ownDigest(s.Version) {
		c.SHA256[ConfigFile] = "right"
	}
	return c.SHA256, nil
}

// unpinned says how pins differ from the files, the own one of model.yaml included; empty if they
// do not.
func unpinned(pins, want map[string]string) string {
	if len(pins) == 0 {
		return "it is not pinned"
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch pin, there := pins[name]; {
		case name == ConfigFile && pin == "right":
		case !there:
			return name + " is not pinned"
		case pin != want[name]:
			return name + " is not as it was pinned"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pins)) {
		if _, there := want[name]; !there && name != ConfigFile {
			return name + " is pinned and is not there"
		}
	}
	if _, there := pins[ConfigFile]; !there {
		return ConfigFile + " is not pinned"
	}
	return ""
}

const pinHeading = "# Written by sluice models pin: with a file that is not as it was then, the version is refused."

// repin replaces the digests in a model.yaml, and leaves everything else as it is.
func repin(s Sources, want map[string]string) ([]byte, error) {
	rest, err := withoutPins(prescan.Unmarked(s.Version))
	if err != nil {
		return nil, err
	}
	rest, end := rest[:documentEnd(rest)], rest[documentEnd(rest):]
	lines := func(own string) []byte {
		out := bytes.TrimRight(rest, "\n")
		if len(out) > 0 {
			out = append(slices.Clone(out), "\n\n"...)
		}
		out = append(out, pinHeading+"\nsha256:\n"...)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if name != ConfigFile {
				out = fmt.Appendf(out, "  %q: %q\n", name, want[name])
			}
		}
		return append(fmt.Appendf(out, "  %s: %q\n", ConfigFile, own), end...)
	}
	fresh := lines(ownDigest(lines("")))
	standard := Defaults{}.WithDefaults()
	s.Version = rest
	before, err := s.Decode(standard)
	if err != nil {
		return nil, err
	}
	s.Version = fresh
	after, err := s.Decode(standard)
	pins := after.SHA256
	if after.SHA256 = nil; err == nil && !reflect.DeepEqual(before, after) {
		err = errors.New("its other settings would change")
	}
	if err == nil && (pins[ConfigFile] != ownDigest(fresh) || len(ownLine.FindAll(fresh, -1)) != 1) {
		err = errors.New("it has a line of its own name elsewhere")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the digests into %s: %w: write it in block form, a key on a line, and pin again", ConfigFile, err)
	}
	return fresh, nil
}

// withoutPins takes the key sha256 out of a model.yaml, with its heading.
func withoutPins(text []byte) ([]byte, error) {
	if err := prescan.YAML(text); err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil || len(file.Docs) > 1 {
		return nil, errors.Join(fmt.Errorf("%s cannot be read", ConfigFile), err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return text, nil
	}
	root, ok := file.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		return text, nil
	}
	at := slices.IndexFunc(root.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == "sha256" })
	if at < 0 {
		return text, nil
	}
	lines := strings.SplitAfter(string(text), "\n")
	from, to := root.Values[at].Key.GetToken().Position.Line-1, len(lines)
	if at+1 < len(root.Values) {
		to = root.Values[at+1].Key.GetToken().Position.Line - 1
		for to-1 > from && isRemark(lines[to-1]) {
			to-- // what stands before the next key belongs to it
		}
	}
	if from > 0 && strings.TrimSpace(lines[from-1]) == pinHeading {
		from--
	}
	return []byte(strings.Join(slices.Concat(lines[:from], lines[to:]), "")), nil
}

// documentEnd is where the line begins that ends the document, "...", or the text's length.
func documentEnd(text []byte) int {
	at := len(text)
	for lines := bytes.Split(text, []byte("\n")); len(lines) > 0; lines = lines[:len(lines)-1] {
		line := lines[len(lines)-1]
		at -= len(line)
		if bytes.Equal(line, []byte("...")) || bytes.HasPrefix(line, []byte("... ")) || bytes.HasPrefix(line, []byte("...\r")) {
			return at
		}
		if !isRemark(string(line)) {
			break
		}
		at--
	}
	return len(text)
}

func isRemark(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// writeSettings replaces model.yaml in one step.
func (b *Bundle) writeSettings(text []byte) (err error) {
	mode := os.FileMode(0o644)
	path := filepath.Join(b.Dir, ConfigFile)
	if about, err := os.Stat(path); err == nil {
		mode = about.Mode().Perm()
	}
	f, err := os.CreateTemp(b.Dir, "."+ConfigFile+"-*") // hidden, so it belongs to no bundle
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", ConfigFile, BareError(err))
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", ConfigFile, BareError(err)), os.Remove(f.Name()))
	}
	return nil
}
