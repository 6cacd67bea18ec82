package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sluice/internal/remedy"
	"sluice/internal/tensor"
)

// The fixed file names of a bundle.
const (
	ModelFile  = "model.onnx"
	GoldenFile = "golden.jsonl"
)

const (
	maxBundleFiles = 256
	maxGoldenBytes = 64 << 20
)

// Bundle is one version of one model on disk. Locate and Discover fill the place, the
// gates the rest; once it is given to Open it does not change.
type Bundle struct {
	Name, Version string
	// Dir is the folder that holds the files; ModelName is the model file in it.
	Dir, ModelName string
	// bare means that the folder is not the bundle's own: only the model file, files that
	// continue its name, model.yaml and golden.jsonl belong to it.
	bare bool
	// home is the folder that may hold config.pbtxt, relative to Dir; empty if none may. beside are
	// the files there that belong to the bundle, by their paths from Dir.
	home   string
	beside []string
	// keep is how many versions of the model stay loaded; 0 leaves it to the settings.
	keep int
	// wrong says why config.pbtxt could not be read when the bundle was found.
	wrong error
	// given means that a person named the path: it is not looked for in Dir.
	given bool

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

	graph *Graph
	// batching is how rows share runs, as far as the gates have come.
	batching    Batching
	golden      []byte
	fingerprint string
}

// File is one file of a bundle.
type File struct {
	Name   string
	Size   int64
	SHA256 string
}

// ModelPath is the model file's path.
func (b *Bundle) ModelPath() string { return filepath.Join(b.Dir, b.ModelName) }

// Label names the bundle for people.
func (b *Bundle) Label() string { return b.Name + "/" + b.Version }

// read hashes every file and decodes the settings from the bytes that were hashed.
func (b *Bundle) read(opts *Options) error {
	triton, files, err := b.readTriton()
	if err != nil {
		return err
	}
	names, fingerprint, err := b.list()
	if err != nil {
		return err
	}
	b.fingerprint = fingerprint
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return fmt.Errorf("cannot open the bundle's folder: %w", bareError(err))
	}
	defer root.Close()
	var settings []byte
	b.Files, b.golden = files, nil
	for _, name := range names {
		if slices.ContainsFunc(files, func(f File) bool { return f.Name == name }) {
			continue
		}
		file, text, err := readFile(root, name, kept[name])
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		b.Files = append(b.Files, file)
		switch name {
		case ConfigFile:
			settings = text
		case GoldenFile:
			b.golden = text
		}
	}
	slices.SortFunc(b.Files, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	lines := sha256.New()
	for _, f := range b.Files {
		fmt.Fprintf(lines, "%s  %s\n", f.SHA256, f.Name)
	}
	b.Digest = hex.EncodeToString(lines.Sum(nil))
	if b.Config, err = DecodeConfig(settings, triton.over(opts.Defaults)); err != nil {
		return err
	}
	triton.settings(&b.Config)
	if err := b.Config.checkKnown(settings, opts); err != nil {
		return err
	}
	return b.checkPins()
}

// kept are the files whose content is read here, with the most bytes that each may have.
var kept = map[string]int64{ConfigFile: maxConfigBytes, GoldenFile: maxGoldenBytes}

// readFile hashes one file, and keeps its content if it has a limit. The
// root and the checks after opening refuse links out of the folder and special files.
func readFile(root *os.Root, name string, limit int64) (File, []byte, error) {
	if about, err := root.Lstat(name); err == nil && about.Mode()&fs.ModeSymlink != 0 {
		return File{}, nil, errors.New("it is a symbolic link: put the file itself there")
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return File{}, nil, bareError(err)
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return File{}, nil, bareError(err)
	}
	if !about.Mode().IsRegular() {
		return File{}, nil, errors.New("it is not a regular file")
	}
	if limit > 0 && about.Size() > limit {
		return File{}, nil, fmt.Errorf("it has %d bytes; the limit is %d", about.Size(), limit)
	}
	hash := sha256.New()
	var text strings.Builder
	sink := io.Writer(hash)
	if limit > 0 {
		sink = io.MultiWriter(hash, &text)
	}
	n, err := io.Copy(sink, io.LimitReader(f, about.Size()))
	if err != nil {
		return File{}, nil, bareError(err)
	}
	if n != about.Size() {
		return File{}, nil, fmt.Errorf("it has %d bytes and ended after %d", about.Size(), n)
	}
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(hash.Sum(nil))}, []byte(text.String()), nil
}

// checkPins compares the files with the digests that model.yaml pins.
func (b *Bundle) checkPins() error {
	if len(b.Config.SHA256) == 0 {
		return nil
	}
	seen := 0
	for _, f := range b.Files {
		want, pinned := b.Config.SHA256[f.Name]
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
		if !slices.ContainsFunc(b.Files, func(f File) bool { return f.Name == name }) {
			return fmt.Errorf("%s pins %s by sha256 and the bundle has no such file", ConfigFile, name)
		}
	}
	return nil
}

// glance notes the state of the files without opening one. A folder that cannot be
// listed has its fault for a fingerprint; the files gate reports it.
func (b *Bundle) glance() {
	_, print, err := b.list()
	if err != nil {
		print = err.Error()
	}
	b.fingerprint = print
}

// unchanged tells whether the files on disk are still those that were read.
func (b *Bundle) unchanged() error {
	_, now, err := b.list()
	if err != nil {
		return err
	}
	if now != b.fingerprint {
		return errors.New("its files changed while it was loading: copy a bundle under another name and rename it into place")
	}
	return nil
}

// bareError takes the path out of a file system error: the sentence around it names the
// file, and paths stay inside the server.
func bareError(err error) error {
	return remedy.File(err)
}
