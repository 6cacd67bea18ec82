// Package near finds the names that somebody may have meant who wrote another one: a key of a
// settings file, a flag, a variable, a model, an input. It is for errors alone: it allocates and
// takes up to a millisecond. It keeps nothing, and anybody may call it.
package near

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	longest  = 128  // bytes of a name that is compared; no longer one has near misses
	compared = 1000 // names, so that those of a wide model cost no more

	listed = 8  // names that List writes
	likely = 3  // names that Likely writes
	cut    = 64 // bytes of a name that they show
)

// Misses returns the names that are so like the word that it may be a slip for one of them,
// the likest first. Case and the separators _ - . do not count as differences.
func Misses(word string, names []string) []string {
	type miss struct {
		name     string
		distance int
	}
	var found []miss
	if len(word) > longest {
		return nil
	}
	w := plain(word)
	if w == "" {
		return nil
	}
	for _, name := range names[:min(len(names), compared)] {
		if len(name) > longest {
			continue
		}
		n := plain(name)
		d, most := max(len(w)-len(n), len(n)-len(w)), slips(w)
		if d <= most { // else it is farther still, or all that differs where one is a part of the other
			d = distance(w, n)
		}
		switch {
		case d <= most:
		case partOf(w, n) || partOf(n, w):
			d += longest // a part of the other: after all slips
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
// there are. The names are the program's own.
func First(word string, names []string, most int) string {
	list, more := first(word, names, most)
	return strings.Join(list, ", ") + more
}

// List is First for names that may hold anything, at most eight of them, cut and quoted:
// 'b', 'a' and 3 more. It is "none" if there are none.
func List(word string, names []string) string {
	if len(names) == 0 {
		return "none"
	}
	list, more := first(word, names, listed)
	for i := range list {
		list[i] = quote(list[i])
	}
	return strings.Join(list, ", ") + more
}

// Likely writes the near misses alone, at most three of them, cut and quoted: 'a' or 'b'. It is
// empty if there are none.
func Likely(word string, names []string) string {
	misses := Misses(word, names)
	var shown []string
	for _, name := range misses[:min(len(misses), likely)] {
		shown = append(shown, quote(name))
	}
	return strings.Join(shown, " or ")
}

// Meant is a question to add to an error: " (did you mean x?)", or nothing where no name is near.
func Meant(word string, names []string) string {
	if misses := Misses(word, names); len(misses) > 0 {
		return " (did you mean " + misses[0] + "?)"
	}
	return ""
}

func first(word string, names []string, most int) (list []string, more string) {
	list = Misses(word, names)
	list = list[:min(len(list), most)]
	for _, name := range names {
		if len(list) == most {
			break
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if left := len(names) - len(list); left > 0 {
		more = " and " + strconv.Itoa(left) + " more"
	}
	return list, more
}

// slips is how many letters of a word may be wrong.
func slips(word string) int {
	switch n := len(word); {
	case n < 2:
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
	return separators.Replace(strings.ToLower(name))
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "")

// quote cuts a name and makes it fit to be shown.
func quote(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, name[:min(len(name), 4*cut)])
	if len(name) <= cut {
		return "'" + name + "'"
	}
	return "'" + strings.ToValidUTF8(name[:cut], "") + "'..."
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
