package onnx

/*
#define _GNU_SOURCE
#include <locale.h>
#include <stdlib.h>

static int sluice_has_locale(const char *name) {
  locale_t l = newlocale(LC_ALL_MASK, name, 0);
  if (!l) return 0;
  freelocale(l);
  return 1;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"sluice/internal/complaint"
)

// locales gives a model the locale that its StringNormalizer names, en_US.UTF-8 by default, where
// the system lacks it, as small containers do: a private folder has a link of that name to
// C.utf8, whose table of letters is the same, and LOCPATH leads the C library there. The process's
// own locale stays what it is, and with it how numbers are read.
//
// The library's complaint tells the name, so no model is searched for it, and a system that has
// the locale is left alone. Each name has a folder of its own below the private one: the C
// library remembers for each folder of LOCPATH what it did not find there.
var locales struct { // behind opening
	before string // LOCPATH as it was; empty is as good as none
	added  []string
}

// variable leads the C library to locales. It then no longer looks into the system's archive.
const variable = "LOCPATH"

// systemLocales is where the C library looks without LOCPATH.
const systemLocales = "/usr/lib/locale"

// reserveLocales makes the variable exist while no other thread reads the environment: setting
// it later replaces one word, which takes no reader by surprise.
func reserveLocales() error {
	locales.before = os.Getenv(variable)
	return os.Setenv(variable, locales.before)
}

// maxLocales is how many locales one model may lack.
const maxLocales = 16

// withLocales opens or runs a session, again for each locale that it complains to be without.
// Up to 1.24 the library asks for locales only when the model runs. The caller holds opening.
func withLocales(use func() error) error {
	var tried []string
	for {
		err := use()
		name := missingLocale(err)
		if name == "" || slices.Contains(tried, name) || len(tried) == maxLocales {
			return err
		}
		if tried = append(tried, name); len(tried) == 1 {
			defer leaveAdded()
		}
		if failed := provideLocale(name); failed != nil {
			return errors.Join(failed, err)
		}
	}
}

// leaveAdded leaves LOCPATH with what was added, whatever the last model needed.
func leaveAdded() {
	path := locales.before
	if len(locales.added) > 0 {
		path = addedPath()
	}
	_ = os.Setenv(variable, path) // it cannot fail: the name is good and the path was set before
}

// missingLocale is the locale for want of which a model did not load or run.
func missingLocale(err error) string {
	var said *complaint.Error
	if !errors.As(err, &said) {
		return ""
	}
	return said.Locale
}

// provideLocale sets LOCPATH so that the C library finds the locale.
func provideLocale(name string) error {
	if err := os.Setenv(variable, locales.before); err != nil {
		return err
	}
	if hasLocale(name) { // in the archive, which the links of other locales hide
		return nil
	}
	if err := linkLocale(name); err != nil {
		return fmt.Errorf("cannot stand in for the locale %q, which the model names and the system lacks: %w", name, err)
	}
	if err := os.Setenv(variable, addedPath()); err != nil {
		return err
	}
	if !hasLocale(name) {
		return fmt.Errorf("cannot stand in for the locale %q, which the model names and the system lacks: the C library takes no link to C.utf8 for it", name)
	}
	return nil
}

func hasLocale(name string) bool {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.sluice_has_locale(text) != 0
}

// addedPath is LOCPATH with what was added, before what was there.
func addedPath() string {
	base := localeFolder()
	var path []string
	for _, name := range locales.added {
		path = append(path, filepath.Join(base, name))
	}
	if locales.before != "" {
		path = append(path, locales.before)
	}
	return strings.Join(append(path, systemLocales), ":")
}

var (
	localeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.@-]*$`)
	// Turkic alphabets have a dotless i, so their capitals are not those of C.utf8.
	ownLetters = regexp.MustCompile(`^(tr|az|crh|ku|tt)([_.@-]|$)`)
)

// linkLocale adds the locale to the private folder.
func linkLocale(name string) error {
	switch {
	case !localeName.MatchString(name) || strings.Contains(name, ".."):
		return errors.New("it is no name of a locale")
	case ownLetters.MatchString(name):
		return errors.New("its letters are not those of C.utf8: install it")
	}
	standIn, err := findStandIn()
	if err != nil {
		return err
	}
	base := localeFolder()
	if err := privateFolder(base); err != nil {
		return err
	}
	folder := filepath.Join(base, name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	link := filepath.Join(folder, name)
	if target, err := os.Readlink(link); err != nil || target != standIn {
		// By renaming, since another process may be about to do the same.
		fresh, err := os.MkdirTemp(base, "new")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(fresh) }()
		if err := os.Symlink(standIn, filepath.Join(fresh, name)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(fresh, name), link); err != nil {
			return err
		}
	}
	if !slices.Contains(locales.added, name) {
		locales.added = append(locales.added, name)
	}
	return nil
}

// findStandIn finds C.utf8 among the system's locales.
func findStandIn() (string, error) {
	for _, name := range []string{"C.utf8", "C.UTF-8"} {
		for _, folder := range append(filepath.SplitList(locales.before), systemLocales) {
			path := filepath.Join(folder, name)
			if exists(filepath.Join(path, "LC_CTYPE")) {
				return filepath.Abs(path)
			}
		}
	}
	return "", fmt.Errorf("C.utf8, which could, is not in %s either: install one of them", systemLocales)
}

// localeFolder is the user's own, for all processes and for good: what lies there is a few links
// that are always the same.
func localeFolder() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("sluice-locales-%d", os.Getuid()))
}

// privateFolder makes a folder that nobody else can write to, in a place where others may make
// one of its name first.
func privateFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of this user that others cannot write to: remove it, or set TMPDIR", path)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
