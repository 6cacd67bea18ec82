package bundle

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

// GlanceTriton reads the config.pbtxt of a model's folder for what discovery needs of it; nil if
// there is none. What it says is valid as far as it goes beside a fault.
func GlanceTriton(dir, model string) (*Triton, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", TritonFile, BareError(err))
	}
	defer root.Close()
	text, err := readText(root, TritonFile, pbtxt.MaxBytes)
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
func (b *Bundle) atHome(home string, t *Triton) {
	b.Home, b.beside = home, []string{path.Join(home, TritonFile)}
	if t == nil {
		return
	}
	b.Keep = t.Keep
	for _, o := range t.Outputs {
		if name := path.Join(home, o.LabelFile); o.LabelFile != "" && plainName(o.LabelFile) && !slices.Contains(b.beside, name) {
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
			return fmt.Errorf("cannot read %s: %w", name, BareError(err))
		case about.Mode()&fs.ModeSymlink != 0:
			return fmt.Errorf("cannot read %s: it is a symbolic link: put the file itself there", path.Base(name))
		default:
			fmt.Fprintf(print, "%q %d %d\n", name, about.Size(), about.ModTime().UnixNano())
		}
	}
	return nil
}

// takeBeside copies the model's own settings, and copies and hashes config.pbtxt and the labels that it named when the bundle was found.
// One that is not there is for whoever reads them to report.
func (b *Bundle) takeBeside(to string) error {
	if b.Home == "" {
		return nil
	}
	root, err := os.OpenRoot(filepath.Join(b.Dir, b.Home))
	if err != nil {
		return fmt.Errorf("cannot open the model's folder: %w", BareError(err))
	}
	defer root.Close()
	if err := b.takeModelConfig(root, to); err != nil {
		return err
	}
	for _, name := range b.beside {
		base := path.Base(name)
		file, err := copyFile(root, base, besideLimit(base), to)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil && base != TritonFile:
			return fmt.Errorf("cannot read the labels of %.64q: %w", base, err)
		case err != nil:
			return fmt.Errorf("cannot read %s: %w", base, err)
		}
		file.Name = name
		b.Files = append(b.Files, file)
	}
	return nil
}

// readTriton parses config.pbtxt and the labels that it names; nil if there is none.
func (b *Bundle) readTriton() (*Triton, error) {
	if b.Home == "" {
		return nil, nil
	}
	t, err := GlanceTriton(b.From.Beside, b.Name)
	if t == nil || err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(b.From.Beside)
	if err != nil {
		return nil, fmt.Errorf("cannot open the model's folder: %w", BareError(err))
	}
	defer root.Close()
	for i := range t.Outputs {
		o := &t.Outputs[i]
		if o.LabelFile == "" {
			continue
		}
		text, err := readText(root, o.LabelFile, maxLabelBytes)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: output %.64q has the labels of %.64q, and there is no such file beside %s", TritonFile, o.Name, o.LabelFile, TritonFile)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the labels of %.64q: %w", o.LabelFile, err)
		}
		if o.Labels = lines(text); len(o.Labels) == 0 {
			return nil, fmt.Errorf("%s: the labels of %.64q for output %.64q are empty", TritonFile, o.LabelFile, o.Name)
		}
	}
	return t, nil
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
