// Package near finds the names that somebody may have meant who wrote another one: a key of a
// settings file, a flag, a variable, a value. It keeps nothing, and anybody may call it.
package near

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// maxName bounds the work on a name that somebody sent: no name that is longer has near misses.
const maxName = 128

// Misses returns the names that are so like the word that it may be a slip for one of them,
// the likest first. Case and the separators _ - . do not count as differences.
func Misses(word string, names []string) []string {
	type miss struct {
		name     string
		distance int
	}
	var found []miss
	w := plain(word)
	if w == "" || len(w) > maxName {
		return nil
	}
	for _, name := range names {
		n := plain(name)
		if len(n) > maxName {
			continue
		}
		d := distance(w, n)
		switch {
		case d <= slips(w):
		case partOf(w, n) || partOf(n, w):
			d = maxName + d // a part of the other: after all slips
		default:
			continue
		}
		found = append(found, miss{name, d})
	}
	slices.SortStableFunc(found, func(a, b miss) int { return cmp.Compare(a.distance, b.distance) })
	all := make([]string, len(found))
	for i := range found {
		all[i] = found[i].name
	}
	return all
}

// First returns all names with the near misses first, at most so many and then how many more
// there are: what an error lists.
func First(word string, names []string, most int) string {
	list := Misses(word, names)
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if more := len(list) - most; more > 0 {
		return strings.Join(list[:most], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(list, ", ")
}

// Meant is a question to add to an error: " (did you mean x?)", or nothing where no name is near.
func Meant(word string, names []string) string {
	if misses := Misses(word, names); len(misses) > 0 {
		return " (did you mean " + misses[0] + "?)"
	}
	return ""
}

// slips is how many letters of a word may be wrong.
func slips(word string) int {
	switch n := len(word); {
	case n < 3:
		return 0
	case n < 6:
		return 1
	case n < 12:
		return 2
	default:
		return 3
	}
}

// partOf tells whether a word begins or ends a name.
func partOf(word, name string) bool {
	return len(word) > 3 && (strings.HasSuffix(name, word) || strings.HasPrefix(name, word))
}

func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
}

// distance counts the letters to add, to drop, to change, and the neighbours to swap.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
