package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/onnxfile"
	"sluice/internal/remedy"
	"sluice/internal/tensor"
)

// The fixed file names of a bundle.
const (
	ModelFile  = "model.onnx"
	GoldenFile = "golden.jsonl"
)

const maxBundleFiles = 256

// Bundle is one version of one model on disk. Locate and Discover fill the place, the
// gates the rest; once it is given to Open it does not change.
type Bundle struct {
	Name, Version string
	// Dir is the folder that holds the files; ModelName is the model file in it.
	Dir, ModelName string
	// Bare means that the folder is not the bundle's own: only the model file, files that
	// continue its name, model.yaml and golden.jsonl belong to it.
	Bare bool
	// Home is the folder that may hold config.pbtxt, relative to Dir; empty if none may. beside are
	// the files there that belong to the bundle, by their paths from Dir.
	Home   string
	beside []string
	// Keep is how many versions of the model stay loaded; 0 leaves it to the settings.
	Keep int
	// Wrong says why config.pbtxt could not be read when the bundle was found.
	Wrong error
	// Given means that a person named the path: it is not looked for in Dir.
	Given bool

	// Files are the bundle's files in order of name, and Digest its identity: the
	// SHA-256 of the lines that `sha256sum` prints for them in that order.
	Files  []File
	Digest string
	Config Config
	// Schema is what the version will serve. FixedBatch is the batch size that the file
	// prescribes, 0 if it is free: smaller batches are then filled up.
	Schema     *tensor.Schema
	FixedBatch int
	// External is set when weights lie in other files than the model file.
	External bool
	// Lanes is how many lanes the session must have that is being opened: those of the
	// device and, where live answers are compared, one more.
	Lanes int

	Fingerprint string
	// copy is the private copies of the files, nil if they are loaded from where they lie; From is
	// where they are read from once they are hashed.
	copy *copied
	From Places
}

// File is one file of a bundle.
type File struct {
	Name   string
	Size   int64
	SHA256 string
}

// Places are the folder of a bundle's own files, and the one that may hold config.pbtxt.
type Places struct{ Own, Beside string }

// ModelPath is the model file's path in the models folder, for people.
func (b *Bundle) ModelPath() string { return filepath.Join(b.Dir, b.ModelName) }

// OpenPath is the model file to open: the private copy of what was hashed.
func (b *Bundle) OpenPath() string { return filepath.Join(b.From.Own, b.ModelName) }

// Label names the bundle for people.
func (b *Bundle) Label() string { return b.Name + "/" + b.Version }

// Read copies the files, hashes them, and holds them against the digests that model.yaml pins. describe
// learns what those say that have been copied, and sets the bundle's settings.
func (b *Bundle) Read(c *Copies, describe func() (*Graph, error)) (*Graph, error) {
	rest, err := b.take(c)
	if err != nil {
		return nil, err
	}
	g, err := describe()
	if err != nil {
		return nil, err
	}
	if err := b.takeRest(rest, g.External); err != nil {
		return nil, err
	}
	return g, b.checkPins()
}

// take copies and hashes the files that say what the bundle is: the model file, the settings, the
// golden rows and what lies beside its folder. It parses none. It returns the names of the others.
func (b *Bundle) take(c *Copies) (rest []string, err error) {
	names, fingerprint, err := b.list()
	if err != nil {
		return nil, err
	}
	b.Fingerprint, b.Files = fingerprint, nil
	if b.copy, err = c.begin(); err != nil {
		return nil, err
	}
	b.From = Places{Own: b.Dir, Beside: filepath.Join(b.Dir, b.Home)}
	to := Places{}
	if b.copy != nil {
		to = b.copy.Places
		b.From = to
	}
	if err := b.takeBeside(to.Beside); err != nil {
		return nil, err
	}
	for _, name := range names {
		limit, known := b.limitOf(name)
		switch {
		case b.has(name): // it lies beside the folder and in it: they are one
		case !known:
			rest = append(rest, name)
		default:
			if err := b.takeFile(name, limit, to.Own); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

// takeRest copies the data that the model keeps in other files, hashes what is left, and settles the
// bundle's identity.
func (b *Bundle) takeRest(names []string, external []onnxfile.External) error {
	if err := b.checkExternal(names, external); err != nil {
		return err
	}
	for _, name := range names {
		limit, to := int64(maxOtherBytes), ""
		if i := slices.IndexFunc(external, func(e onnxfile.External) bool { return e.Location == name }); i >= 0 {
			limit = spared(external[i])
			if b.copy != nil {
				to = b.copy.Own
			}
		}
		if err := b.takeFile(name, limit, to); err != nil {
			return err
		}
	}
	b.identify()
	return b.unchanged()
}

// identify settles the bundle's identity, once all its files have been hashed.
func (b *Bundle) identify() {
	slices.SortFunc(b.Files, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	lines := sha256.New()
	for _, f := range b.Files {
		fmt.Fprintf(lines, "%s  %s\n", f.SHA256, f.Name)
	}
	b.Digest = hex.EncodeToString(lines.Sum(nil))
}

func (b *Bundle) takeFile(name string, limit int64, to string) error {
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return fmt.Errorf("cannot open the bundle's folder: %w", BareError(err))
	}
	defer root.Close()
	file, err := copyFile(root, name, limit, to)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	b.Files = append(b.Files, file)
	return nil
}

func (b *Bundle) has(name string) bool {
	return slices.ContainsFunc(b.Files, func(f File) bool { return f.Name == name })
}

// Discard takes the copies of its files away. The bundle must not be opened any more.
func (b *Bundle) Discard() error {
	err := b.copy.remove()
	b.copy = nil
	return err
}

// checkPins compares the files with the digests that model.yaml pins. Its own, if it has one, is of
// its text without that line.
func (b *Bundle) checkPins() error {
	if len(b.Config.SHA256) == 0 {
		return nil
	}
	seen := 0
	for _, f := range b.Files {
		want, pinned := b.Config.SHA256[f.Name]
		if pinned && f.Name == ConfigFile {
			text, err := b.ownText(b.From.Own, ConfigFile, maxConfigBytes)
			if err != nil {
				return err
			}
			f.SHA256 = ownDigest(text)
		}
		switch {
		case pinned && want != f.SHA256:
			return fmt.Errorf("%s has SHA-256 %s and %s pins %s: the file was changed, or the pin is of another one", f.Name, f.SHA256, ConfigFile, want)
		case pinned:
			seen++
		case f.Name != ConfigFile:
			return fmt.Errorf("%s pins files by sha256 and does not name %s: add it, or remove the file", ConfigFile, f.Name)
		}
	}
	if seen == len(b.Config.SHA256) {
		return nil
	}
	for name := range b.Config.SHA256 {
		if !b.has(name) {
			return fmt.Errorf("%s pins %s by sha256 and the bundle has no such file", ConfigFile, name)
		}
	}
	return nil
}

// Glance notes the state of the files without opening one. A folder that cannot be
// listed has its fault for a fingerprint; the files gate reports it.
func (b *Bundle) Glance() {
	_, print, err := b.list()
	if err != nil {
		print = err.Error()
	}
	b.Fingerprint = print
}

// unchanged tells whether the files on disk are still those that were read.
func (b *Bundle) unchanged() error {
	_, now, err := b.list()
	if err != nil {
		return err
	}
	if now != b.Fingerprint {
		return errors.New("its files changed while it was loading: copy a bundle under another name and rename it into place")
	}
	return nil
}

// BareError takes the path out of a file system error: the sentence around it names the
// file, and paths stay inside the server.
func BareError(err error) error { return remedy.File(err) }

// ModelBytes is the size of the model file.
func (b *Bundle) ModelBytes() (size int64) {
	for _, f := range b.Files {
		if f.Name == b.ModelName {
			size = f.Size
		}
	}
	return size
}
