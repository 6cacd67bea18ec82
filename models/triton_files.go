package models

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/pbtxt"
)

const maxLabelBytes = 4 << 20

// glanceTriton reads the config.pbtxt of a model's folder for what discovery needs of it; nil if
// there is none. What it says is valid as far as it goes beside a fault.
func glanceTriton(dir, model string) (*triton, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", TritonFile, bareError(err))
	}
	defer root.Close()
	_, text, err := readFile(root, TritonFile, pbtxt.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", TritonFile, err)
	}
	return decodeTriton(text, model)
}

// atHome sets what of a bundle is found by config.pbtxt: home is the folder that may hold it,
// relative to the bundle's own.
func (b *Bundle) atHome(home string, t *triton) {
	b.home, b.beside = home, []string{path.Join(home, TritonFile)}
	if t == nil {
		return
	}
	b.keep = t.keep
	for _, o := range t.outputs {
		if name := path.Join(home, o.labelFile); o.labelFile != "" && plainName(o.labelFile) && !slices.Contains(b.beside, name) {
			b.beside = append(b.beside, name)
		}
	}
	slices.Sort(b.beside)
}

// printBeside adds to a fingerprint the files that lie beside the bundle's folder.
func (b *Bundle) printBeside(print *strings.Builder) error {
	for _, name := range b.beside {
		about, err := os.Lstat(filepath.Join(b.Dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(print, "%q is missing\n", name)
		case err != nil:
			return fmt.Errorf("cannot read %s: %w", name, bareError(err))
		case about.Mode()&fs.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link: put the file itself there", name)
		default:
			fmt.Fprintf(print, "%q %d %d\n", name, about.Size(), about.ModTime().UnixNano())
		}
	}
	return nil
}

// readTriton reads config.pbtxt and the labels that it names, and returns them among the bundle's
// files; nil if there is none.
func (b *Bundle) readTriton() (*triton, []File, error) {
	if b.home == "" {
		return nil, nil, nil
	}
	root, err := os.OpenRoot(filepath.Join(b.Dir, b.home))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the model's folder: %w", bareError(err))
	}
	defer root.Close()
	file, text, err := readFile(root, TritonFile, pbtxt.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		b.atHome(b.home, nil)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", TritonFile, err)
	}
	t, err := decodeTriton(text, b.Name)
	if err != nil {
		return nil, nil, err
	}
	b.atHome(b.home, t)
	file.Name = path.Join(b.home, file.Name)
	files := []File{file}
	for i := range t.outputs {
		o := &t.outputs[i]
		if o.labelFile == "" {
			continue
		}
		file, text, err := readFile(root, o.labelFile, maxLabelBytes)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%s: output %.64q has the labels of %.64q, and there is no such file beside %s", TritonFile, o.name, o.labelFile, TritonFile)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the labels of %.64q: %w", o.labelFile, err)
		}
		if o.labels = lines(text); len(o.labels) == 0 {
			return nil, nil, fmt.Errorf("%s: the labels of %.64q for output %.64q are empty", TritonFile, o.labelFile, o.name)
		}
		file.Name = path.Join(b.home, file.Name)
		if !slices.ContainsFunc(files, func(f File) bool { return f.Name == file.Name }) {
			files = append(files, file)
		}
	}
	return t, files, nil
}

// lines splits a text. Empty lines at its end are none.
func lines(text []byte) []string {
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return nil
	}
	all := strings.Split(string(text), "\n")
	for i := range all {
		all[i] = strings.ToValidUTF8(strings.TrimSuffix(all[i], "\r"), "\ufffd")
	}
	return all
}
