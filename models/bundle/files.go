package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/remedy"
)

// list returns the names of the bundle's files in order, and a fingerprint that changes
// when any of them is written, replaced, added or removed. It opens nothing.
//
// Hidden files and folders do not belong to a bundle. A link or a special file is an
// error: the bytes that were proven must be the bytes that are in the folder.
func (b *Bundle) list() ([]string, string, error) {
	entries, err := readFolder(b.Dir)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list the bundle's folder: %w", BareError(err))
	}
	var names []string
	var print strings.Builder
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || b.Bare && !b.claims(name) {
			continue
		}
		if entry.IsDir() {
			if name == ConfigFile || name == GoldenFile {
				return nil, "", fmt.Errorf("%s is a folder: put the file in its place, or take the folder away", name)
			}
			continue
		}
		if err := checkRegular(entry); err != nil {
			return nil, "", err
		}
		about, err := entry.Info()
		if err != nil {
			return nil, "", fmt.Errorf("cannot read %s: %w", name, BareError(err))
		}
		if len(names) == maxBundleFiles {
			return nil, "", fmt.Errorf("the bundle has more than %d files", maxBundleFiles)
		}
		names = append(names, name)
		fmt.Fprintf(&print, "%q %d %d\n", name, about.Size(), about.ModTime().UnixNano())
	}
	if !slices.Contains(names, b.ModelName) {
		return nil, "", fmt.Errorf("the bundle has no %s", b.ModelName)
	}
	if err := b.printBeside(&print); err != nil {
		return nil, "", err
	}
	return names, print.String(), nil
}

// Reread hashes the files that lie now where the bundle was read from, and holds them against the digests that its
// model.yaml pinned. Nothing is copied, and nothing is parsed. pins says how they break the pins; empty if they do not,
// or there are none. An error says why they cannot be read, or that they changed meanwhile.
func (b *Bundle) Reread(ctx context.Context) (files []File, digest, pins string, err error) {
	now := &Bundle{
		Name: b.Name, Version: b.Version, Dir: b.Dir, ModelName: b.ModelName, Bare: b.Bare, Home: b.Home, beside: b.beside,
		Config: Config{SHA256: b.Config.SHA256},
	}
	rest, err := now.take(nil)
	if err != nil {
		return nil, "", "", err
	}
	for _, name := range rest {
		if err := ctx.Err(); err != nil {
			return nil, "", "", err
		}
		limit := int64(maxOtherBytes)
		if at := slices.IndexFunc(b.Files, func(f File) bool { return f.Name == name }); at >= 0 {
			limit = max(limit, b.Files[at].Size)
		}
		if err := now.takeFile(name, limit, ""); err != nil {
			return nil, "", "", err
		}
	}
	now.identify()
	if now.unchanged() != nil {
		return nil, "", "", errors.New("its files changed while they were read: verify it again")
	}
	if err := now.checkPins(); err != nil {
		pins = err.Error()
	}
	return now.Files, now.Digest, pins, nil
}

// maxEntries is the most entries of a folder that is read.
const maxEntries = 1 << 16

// readFolder is os.ReadDir for a folder in which anybody may have put anything.
func readFolder(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxEntries + 1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case len(entries) > maxEntries:
		return nil, fmt.Errorf("it has more than %d entries", maxEntries)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// claims tells whether a file beside a bare model file belongs to it.
func (b *Bundle) claims(name string) bool {
	stem, _ := strings.CutSuffix(b.ModelName, ".onnx")
	return strings.HasPrefix(name, b.ModelName) || b.ModelName == ModelFile && (name == ConfigFile || name == GoldenFile) ||
		slices.Contains([]string{stem + ".data", stem + ".bin", stem + ".weights"}, name)
}

func checkRegular(entry fs.DirEntry) error {
	switch kind := entry.Type(); {
	case kind&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link: a bundle holds its files itself; put the file there", entry.Name())
	case !kind.IsRegular():
		return fmt.Errorf("%s is not a regular file", entry.Name())
	}
	return nil
}

// Locate finds the bundle of a path that a person gave: a model file, or a folder with
// model.onnx. A path that ends in <name>/<number>/model.onnx says name and version;
// else the version is 1 and the name is the file's, or the folder's of a model.onnx.
func Locate(path string) (*Bundle, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", path, err)
	}
	about, err := os.Stat(full)
	if err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", full, remedy.Named(err))
	}
	if about.IsDir() {
		full = filepath.Join(full, ModelFile)
		if _, err := os.Stat(full); err != nil {
			return nil, fmt.Errorf("%s is a folder without %s; for a folder of models use --models", filepath.Dir(full), ModelFile)
		}
	}
	// A person may point at a link; what it points to is then the bundle.
	if full, err = filepath.EvalSymlinks(full); err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", path, BareError(err))
	}
	b := &Bundle{Version: "1", Dir: filepath.Dir(full), ModelName: filepath.Base(full), Bare: true}
	folder := filepath.Base(b.Dir)
	switch {
	case b.ModelName != ModelFile:
		b.Name = strings.TrimSuffix(b.ModelName, filepath.Ext(b.ModelName))
	case isNumber(folder) && CheckName("model", filepath.Base(filepath.Dir(b.Dir))) == nil:
		b.Name, b.Version, b.Bare, b.Home = filepath.Base(filepath.Dir(b.Dir)), folder, false, ".."
	case CheckName("model", folder) == nil:
		b.Name, b.Home = folder, "."
	default:
		b.Name = "model"
	}
	if err := CheckName("model", b.Name); err != nil {
		return nil, fmt.Errorf("cannot serve %s: %w; rename the file", path, err)
	}
	if b.Home != "" {
		// A fault in the file is told by the gates.
		t, _ := GlanceTriton(filepath.Join(b.Dir, b.Home), b.Name)
		b.atHome(b.Home, t)
	}
	return b, nil
}
