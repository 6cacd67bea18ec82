package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"sluice/internal/prescan"
)

// ModelConfigFile is what messages call the settings that the versions of a model inherit: model.yaml
// beside the folders of the versions.
const ModelConfigFile = "../" + ConfigFile

// Sources are the files that a version's settings come from. A key that the version's own file has
// takes the place of the model's, whole, but for the parts of tolerance.
type Sources struct {
	Version []byte // the version's model.yaml
	Model   []byte // that of the model
	// Single means that the version has no folder below the model's: Version is both.
	Single bool
}

// The values of the tag in of a field of Config: the only file that may have the key.
const (
	inModel   = "model"
	inVersion = "version"
)

// Decode reads the files over the defaults. Unknown keys are errors; each error names the file, and
// the line or the key.
func (s Sources) Decode(defaults Defaults) (Config, error) {
	base := Config{
		Budget: unsetBudget, MaxBatch: defaults.MaxBatch, MaxRows: defaults.MaxRows, Tolerance: defaults.Tolerance,
		Isolation: defaults.Isolation, Unproven: defaults.Unproven, FairRows: !defaults.UnfairRows, Nonfinite: NonfiniteLiteral,
	}
	c := base
	model, version := document{file: ModelConfigFile, lacks: inVersion}, document{file: ConfigFile, lacks: inModel}
	if s.Single {
		version.lacks = ""
	}
	inherited, err := model.decode(s.Model, &c, &base)
	if err != nil {
		return c, err
	}
	own, err := version.decode(s.Version, &c, &base)
	if err != nil {
		return c, err
	}
	c.comes(OriginFile, own...)
	c.comes(OriginModel, inherited...)
	for _, key := range version.silent {
		if delete(c.Origins, key); len(c.Origins) == 0 {
			c.Origins = nil
		}
	}
	if err := errors.Join(c.validate(), c.checkPlaces(s), c.checkComparisons(s), c.checkFeatures(s)); err != nil {
		return c, err
	}
	if c.MaxRows == 0 {
		c.MaxRows = max(c.MaxBatch, cmp.Or(defaults.Rows, defaultMaxRows))
	}
	c.giveBudget(&defaults)
	c.Asked = len(c.Devices) > 0 || c.Fallback != ""
	if len(c.Devices) == 0 {
		c.Devices, c.Asked = defaults.Devices, c.Asked || len(defaults.Devices) > 0
	}
	c.Unproven = cmp.Or(c.Unproven, UnprovenBatch)
	if c.Fallback == "" {
		c.Fallback = cmp.Or(defaults.Fallback, FallbackBudget)
	}
	return c, nil
}

// decode reads a file over what c holds, and returns the keys that it gives. A key without a value, null, is as in
// base: what is inherited does not hold.
func (d *document) decode(text []byte, c, base *Config) ([]string, error) {
	if len(text) > maxConfigBytes {
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d", d.file, len(text), maxConfigBytes)
	}
	d.text = prescan.Unmarked(text)
	to, from, was := reflect.ValueOf(c).Elem(), reflect.ValueOf(base).Elem(), reflect.ValueOf(*c)
	for i := range configType.NumField() {
		switch to.Field(i).Kind() {
		case reflect.Map, reflect.Slice, reflect.Pointer:
			to.Field(i).Set(from.Field(i)) // or its parts would stay
		}
	}
	values, err := d.read(c)
	if err != nil {
		return nil, err
	}
	var keys []string
	var faults []error
	for i := range configType.NumField() {
		tag := configType.Field(i).Tag
		key := tag.Get("yaml")
		value, there := values[key]
		if !there {
			to.Field(i).Set(was.Field(i))
			continue
		}
		if d.lacks != "" && tag.Get("in") == d.lacks {
			faults = append(faults, fmt.Errorf("%s: %s", d.where("$."+key), misplaced(key, d.lacks)))
		}
		if value == nil && key != "nonfinite" { // to YAML its word null is nothing, and here a choice
			to.Field(i).Set(from.Field(i))
			d.silent = append(d.silent, key)
		} else {
			keys = append(keys, key)
		}
	}
	if value, there := values["nonfinite"]; there && value == nil {
		c.Nonfinite = NonfiniteNull
	}
	return keys, errors.Join(faults...)
}

// misplaced says where a key belongs that a file may not have.
func misplaced(key, in string) string {
	if in == inVersion {
		return fmt.Sprintf("%s is of one version: put it into the %s of the version's own folder", key, ConfigFile)
	}
	return fmt.Sprintf("%s is of the model, not of one version: put it into %s, beside the folders of the versions", key, ModelConfigFile)
}

// fileOf is the file that a key comes from; it is the version's where none has it.
func (c *Config) fileOf(key string) string {
	if c.Origins[key] == OriginModel {
		return ModelConfigFile
	}
	return ConfigFile
}

// where names the file of a key, or of an element of its list, and the line where it can be found.
func (s Sources) where(c *Config, path string) string { return s.from(c, path).where("$." + path) }

// from is the file that has a key.
func (s Sources) from(c *Config, path string) *document {
	key := path
	if end := strings.IndexAny(path, ".["); end > 0 {
		key = path[:end]
	}
	d := &document{file: c.fileOf(key), text: s.Version}
	if d.file == ModelConfigFile {
		d.text = s.Model
	}
	return d
}

// inherits tells whether the bundle's folder lies below its model's, which may have settings of its own.
func (b *Bundle) inherits() bool { return b.Home != "" && b.Home != "." }

// sources reads the files that the settings come from.
func (b *Bundle) sources() (s Sources, err error) {
	if s.Version, err = b.ownText(b.From.Own, ConfigFile, maxConfigBytes); err != nil || !b.inherits() {
		s.Single = true
		return s, err
	}
	root, err := os.OpenRoot(b.From.Beside)
	if err != nil {
		return s, fmt.Errorf("cannot open the model's folder: %w", BareError(err))
	}
	defer root.Close()
	if s.Model, err = readText(root, ConfigFile, maxConfigBytes); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("cannot read %s: %w", ModelConfigFile, err)
	}
	return s, nil
}

// modelPrint is a fingerprint of the model's own settings; empty without any. They are no part of the
// bundle, whose identity stays when they change.
func (b *Bundle) modelPrint() string {
	if !b.inherits() {
		return ""
	}
	about, err := os.Lstat(filepath.Join(b.Dir, b.Home, ConfigFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return BareError(err).Error()
	}
	return fmt.Sprint(about.Mode().Type(), about.Size(), about.ModTime().UnixNano())
}

// takeModelConfig copies the model's own settings, which are read later.
func (b *Bundle) takeModelConfig(root *os.Root, to string) error {
	b.ModelPrint = b.modelPrint()
	if !b.inherits() || to == "" {
		return nil
	}
	if _, err := copyFile(root, ConfigFile, maxConfigBytes, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read %s: %w", ModelConfigFile, err)
	}
	return nil
}
