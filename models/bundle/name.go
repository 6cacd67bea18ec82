package bundle

import (
	"cmp"
	"fmt"
	"strings"
)

const (
	maxNameBytes   = 64
	nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
)

// CheckName refuses what may not name a model or a version. Names become map keys and
// header values; they are joined to a path only while the folder itself is read.
func CheckName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s name is empty", kind)
	case len(name) > maxNameBytes:
		return fmt.Errorf("the %s name %.16q... has %d bytes; the limit is %d", kind, name, len(name), maxNameBytes)
	case name[0] == '.':
		return fmt.Errorf("the %s name %q starts with a dot", kind, name)
	case kind == "model" && name == "stats":
		return fmt.Errorf("the model name %q is taken by the protocol (/v2/models/stats)", name)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune(nameCharacters, r) }); i >= 0 {
		return fmt.Errorf("the %s name %q has %q at byte %d; letters, digits, '_', '.' and '-' are allowed", kind, name, name[i:i+1], i)
	}
	return nil
}

// CompareVersions orders versions from old to new: numbers by value, above all names
// that are no numbers, which are ordered by bytes.
func CompareVersions(a, b string) int {
	switch an, bn := isNumber(a), isNumber(b); {
	case an && bn:
		return cmp.Or(compareNumbers(a, b), strings.Compare(a, b))
	case an:
		return 1
	case bn:
		return -1
	}
	return strings.Compare(a, b)
}

// compareNumbers compares digit strings of any length, such as a date with a counter.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(len(a)-len(b), strings.Compare(a, b))
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
