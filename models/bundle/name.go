package bundle

import (
	"fmt"
	"strings"
)

const maxNameBytes = 64

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
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' {
			continue
		}
		return fmt.Errorf("the %s name %q has %q at byte %d; letters, digits, '_', '.' and '-' are allowed", kind, name, name[i:i+1], i)
	}
	return nil
}

// CompareVersions orders versions from old to new: numbers by value, above all names
// that are no numbers, which are ordered by bytes.
func CompareVersions(a, b string) int {
	switch an, bn := isNumber(a), isNumber(b); {
	case an && bn:
		if c := compareNumbers(a, b); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	case an:
		return 1
	case bn:
		return -1
	default:
		return strings.Compare(a, b)
	}
}

// compareNumbers compares digit strings of any length, such as a date with a counter.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
