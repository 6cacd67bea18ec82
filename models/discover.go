package models

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Discover reads DIR/<name>/<version>/model.onnx and returns the bundles found, none of
// them opened yet, and a sentence for each thing that looks like a bundle and is none.
// Hidden entries and plain files beside the folders are passed over.
func Discover(dir string) (bundles []*Bundle, faults []error, err error) {
	dir, err = filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the models folder %s: %w", dir, bareError(err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the models folder %s: %w", dir, bareError(err))
	}
	for _, entry := range entries {
		name := entry.Name()
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
	return bundles, faults, nil
}

// discoverVersions reads one model's folder.
func discoverVersions(dir, name string) (bundles []*Bundle, faults []error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, []error{fmt.Errorf("cannot read %s: %w", name, bareError(err))}
	}
	loose := false
	for _, entry := range entries {
		version := entry.Name()
		if version == ModelFile && !entry.IsDir() {
			loose = true
		}
		folder, fault := checkFolder(entry, "version")
		if fault != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, fault))
		}
		if !folder {
			continue
		}
		b := &Bundle{Name: name, Version: version, Dir: filepath.Join(dir, version), ModelName: ModelFile}
		if _, err := os.Lstat(b.ModelPath()); err != nil {
			faults = append(faults, fmt.Errorf("%s has no %s", b.Label(), ModelFile))
			continue
		}
		b.glance()
		bundles = append(bundles, b)
	}
	if loose && len(bundles) == 0 {
		faults = append(faults, fmt.Errorf("%s/%s lies outside a version folder: move it to %s/1/%s", name, ModelFile, name, ModelFile))
	}
	return bundles, faults
}

// checkFolder tells whether an entry is a folder that may hold bundles.
func checkFolder(entry os.DirEntry, kind string) (bool, error) {
	name := entry.Name()
	switch {
	case strings.HasPrefix(name, "."):
		return false, nil
	case entry.Type()&os.ModeSymlink != 0:
		if kind == "version" && name == ModelFile {
			return false, nil
		}
		return false, fmt.Errorf("%s is a symbolic link and is not followed: put the folder itself there", name)
	case !entry.IsDir():
		return false, nil
	}
	if err := checkName(kind, name); err != nil {
		return false, err
	}
	return true, nil
}
