package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/remedy"
)

// OnnxEnd is how the names of model files end.
const OnnxEnd = ".onnx"

// Discover reads a folder of models and returns the bundles found, none of them opened yet, and a
// sentence for each thing that looks like a bundle and is none. A model is a folder,
// DIR/<name>/<version>/model.onnx, or DIR/<name>/model.onnx for one version, or a file,
// DIR/<name>.onnx. Hidden entries and other files are passed over.
func Discover(dir string) (bundles []*Bundle, faults []error, err error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the models folder %s: %w", dir, BareError(err))
	}
	if _, err = os.Stat(full); err == nil {
		dir, err = filepath.EvalSymlinks(full)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the models folder %s: %w", full, remedy.Named(err))
	}
	entries, err := readFolder(dir)
	if err != nil {
		if about, fault := os.Stat(dir); fault == nil && !about.IsDir() {
			return nil, nil, fmt.Errorf("the models folder %s is a file: name the folder that holds the models, or serve the file by itself: sluice serve %s", full, full)
		}
		return nil, nil, fmt.Errorf("cannot read the models folder %s: %w", full, BareError(err))
	}
	var flat []*Bundle
	for _, entry := range entries {
		name := entry.Name()
		if isModelFile(entry) {
			b, fault := flatBundle(dir, entry)
			if fault != nil {
				faults = append(faults, fault)
			} else {
				flat = append(flat, b)
			}
			continue
		}
		folder, fault := checkFolder(entry, "model")
		if fault != nil {
			faults = append(faults, fault)
		}
		if !folder {
			continue
		}
		found, more := discoverVersions(filepath.Join(dir, name), name)
		bundles = append(bundles, found...)
		faults = append(faults, more...)
	}
	for _, b := range flat {
		if slices.ContainsFunc(bundles, func(other *Bundle) bool { return other.Label() == b.Label() }) {
			faults = append(faults, fmt.Errorf("%s and the folder %s are both %s: the folder is served; rename the file or the folder", b.ModelName, b.Name, b.Label()))
			continue
		}
		bundles = append(bundles, b)
	}
	return bundles, faults, nil
}

// isModelFile tells whether an entry is meant as a model file, be it a link to one.
func isModelFile(entry os.DirEntry) bool {
	name := entry.Name()
	return !entry.IsDir() && !strings.HasPrefix(name, ".") && strings.HasSuffix(name, OnnxEnd)
}

// flatBundle is a model file that lies in the models folder itself.
func flatBundle(dir string, entry os.DirEntry) (*Bundle, error) {
	if err := checkRegular(entry); err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(entry.Name(), OnnxEnd)
	if err := CheckName("model", name); err != nil {
		return nil, fmt.Errorf("cannot serve %s: %w; rename the file", entry.Name(), err)
	}
	b := &Bundle{Name: name, Version: "1", Dir: dir, ModelName: entry.Name(), Bare: true}
	b.Glance()
	return b, nil
}

// folder is one model's folder while it is looked through.
type folder struct {
	dir, name string
	settings  *Triton // nil without config.pbtxt
	file      string  // the model file's name
	bundles   []*Bundle
	faults    []error
	lacking   []error  // of versions without a model file
	loose     []string // model files outside of version folders
	numbered  bool     // a version folder is there
	shared    bool     // settings for all versions are there
}

// discoverVersions reads one model's folder.
func discoverVersions(dir, name string) (bundles []*Bundle, faults []error) {
	entries, err := readFolder(dir)
	if err != nil {
		return nil, []error{fmt.Errorf("cannot read %s: %w", name, BareError(err))}
	}
	f := &folder{dir: dir, name: name, file: ModelFile}
	var wrong error
	if f.settings, wrong = GlanceTriton(dir, name); f.settings != nil && f.settings.File != "" && plainName(f.settings.File) {
		f.file = f.settings.File
	}
	for _, entry := range entries {
		f.look(entry)
	}
	f.looseFiles()
	f.faults = append(f.faults, f.lacking...)
	f.missing()
	for _, b := range f.bundles {
		b.Wrong = wrong
		b.Glance()
	}
	if f.settings != nil && len(f.bundles)+len(f.faults) == 0 {
		f.fault("%s has a %s and no version: its model belongs to %s/1/%s", name, TritonFile, name, f.file)
	}
	if f.shared && f.settings == nil && len(f.bundles)+len(f.faults) == 0 {
		f.fault("%s has a %s and no version: its model belongs to %s/1/%s", name, ConfigFile, name, f.file)
	}
	if wrong != nil && len(f.bundles) == 0 {
		return nil, []error{fmt.Errorf("%s: %w", name, wrong)} // of a bundle the gates tell it
	}
	return f.bundles, f.faults
}

func (f *folder) fault(format string, args ...any) {
	f.faults = append(f.faults, fmt.Errorf(format, args...))
}

// look takes an entry of the folder for a version, if it is one.
func (f *folder) look(entry os.DirEntry) {
	version := entry.Name()
	if !entry.IsDir() && (version == f.file || isModelFile(entry)) {
		f.loose = append(f.loose, version)
		return
	}
	if f.shared = f.shared || version == ConfigFile; version == TritonFile || version == ConfigFile {
		return // what is wrong with it is told where it is read
	}
	isFolder, fault := checkFolder(entry, "version")
	if fault != nil {
		f.fault("%s: %w", f.name, fault)
	}
	if !isFolder {
		return
	}
	f.numbered = f.numbered || isNumber(version)
	if f.settings != nil && f.settings.Only != nil && !slices.Contains(f.settings.Only, version) {
		return
	}
	b := &Bundle{Name: f.name, Version: version, Dir: filepath.Join(f.dir, version), ModelName: f.file}
	home := ".."
	about, err := os.Lstat(b.ModelPath())
	if err == nil && about.IsDir() {
		// Triton keeps a model of several files in a folder that has the model file's name.
		b.Dir, b.ModelName, home = b.ModelPath(), ModelFile, "../.."
		_, err = os.Lstat(b.ModelPath())
	}
	if err == nil {
		b.atHome(home, f.settings)
		f.bundles = append(f.bundles, b)
	} else if isNumber(version) || f.settings == nil {
		f.lacks(b, version, err)
	}
}

// lacks says that a version's folder has no model file, and what it has in its place.
func (f *folder) lacks(b *Bundle, version string, err error) {
	if !errors.Is(err, os.ErrNotExist) {
		f.fault("%s: cannot read %s: %w", b.Label(), f.file, BareError(err))
		return
	}
	others, _ := filepath.Glob(filepath.Join(f.dir, version, "*"+OnnxEnd))
	if filepath.Base(b.Dir) != version {
		f.fault("%s: %s is a folder without %s", b.Label(), f.file, ModelFile)
		return
	}
	if len(others) > 0 {
		f.fault("%s has no %s: rename %s, or name it as default_model_filename in %s/%s", b.Label(), f.file, filepath.Base(others[0]), f.name, TritonFile)
		return
	}
	deeper, _ := filepath.Glob(filepath.Join(f.dir, version, "*", f.file))
	if len(deeper) > 0 {
		below, _ := filepath.Rel(f.dir, deeper[0])
		f.fault("%s has no %s, and %s/%s lies a folder too deep: move it up, or name %s as the models folder", b.Label(), f.file, f.name, below, f.dir)
		return
	}
	f.lacking = append(f.lacking, fmt.Errorf("%s has no %s: put it there, or take the folder away", b.Label(), f.file))
}

// looseFiles serves a model file without a version folder as version 1, or says why not.
func (f *folder) looseFiles() {
	switch own := slices.Contains(f.loose, f.file); {
	case len(f.loose) == 0:
	case len(f.bundles) > 0 && own:
		f.fault("%s/%s lies outside of the version folders and is not served: move it to %s/<version>/%s", f.name, f.file, f.name, f.file)
	case f.numbered && own:
		f.lacking = nil // it is the same mistake
		f.fault("%s/%s lies outside a version folder: move it to %s/1/%s", f.name, f.file, f.name, f.file)
	case len(f.bundles) > 0 || f.numbered:
	case own && isNumber(f.name):
		f.fault("%s/%s lies in a folder that is named like a version: if the models folder is that of one model, name the folder above it", f.name, f.file)
	case own:
		b := &Bundle{Name: f.name, Version: "1", Dir: f.dir, ModelName: f.file}
		b.atHome(".", f.settings)
		f.bundles, f.faults, f.lacking = append(f.bundles, b), nil, nil // folders without a version are the model's own
	default:
		f.fault("%s holds %s and no %s: rename it, or name it as default_model_filename in %s/%s", f.name, f.loose[0], f.file, f.name, TritonFile)
	}
}

// missing names the versions that config.pbtxt asks for and that are not there.
func (f *folder) missing() {
	if f.settings == nil {
		return
	}
	for _, version := range f.settings.Only {
		if _, err := os.Lstat(filepath.Join(f.dir, version)); errors.Is(err, os.ErrNotExist) && f.numbered {
			f.fault("%s: %s asks for version %s, which is not there", f.name, TritonFile, version)
		}
	}
}

// checkFolder tells whether an entry is a folder that may hold bundles.
func checkFolder(entry os.DirEntry, kind string) (bool, error) {
	name := entry.Name()
	switch {
	case strings.HasPrefix(name, "."):
		return false, nil
	case entry.Type()&os.ModeSymlink != 0:
		return false, fmt.Errorf("%s is a symbolic link and is not followed: put what it points to there", name)
	case !entry.IsDir():
		return false, nil
	}
	if err := CheckName(kind, name); err != nil {
		return false, fmt.Errorf("%w; rename the folder", err)
	}
	return true, nil
}
