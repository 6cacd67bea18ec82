// Package near tells somebody who has a name wrong what names there are, those first that may
// have been meant. It is for errors alone: it allocates, and takes up to a millisecond.
package near

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	most     = 8    // names in a list
	few      = 3    // names that are near
	longest  = 64   // bytes of a name
	compared = 1000 // names, so that those of a wide model cost no more
)

// List writes the names that there are, at most eight of them: 'b', 'a' and 3 more. Those that
// differ from the wrong name by a few letters come first, nearest first, the others in their order.
// It is "none" if there are none.
func List(wrong string, names []string) string {
	if len(names) == 0 {
		return "none"
	}
	first := misses(wrong, names, most)
	shown := make([]string, 0, most)
	for _, i := range first {
		shown = append(shown, quote(names[i]))
	}
	for i := 0; i < len(names) && len(shown) < most; i++ {
		if !slices.Contains(first, i) {
			shown = append(shown, quote(names[i]))
		}
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

// Misses writes the names alone that may have been meant, at most three of them: 'a' or 'b'. It
// is empty if there are none.
func Misses(wrong string, names []string) string {
	var shown []string
	for _, i := range misses(wrong, names, few) {
		shown = append(shown, quote(names[i]))
	}
	return strings.Join(shown, " or ")
}

// misses is the places of the nearest names.
func misses(wrong string, names []string, most int) []int {
	type miss struct{ at, distance int }
	var all []miss
	from := fold(wrong)
	for i, name := range names[:min(len(names), compared)] {
		allowed := min(max(len(from)/3, 1), 3)
		if d := distance(from, fold(name), allowed); d <= allowed && d < max(len(from), 1) {
			all = append(all, miss{i, d})
		}
	}
	slices.SortStableFunc(all, func(a, b miss) int { return cmp.Compare(a.distance, b.distance) })
	var places []int
	for _, m := range all[:min(len(all), most)] {
		places = append(places, m.at)
	}
	return places
}

// fold is the part of a name that is compared, without regard to case.
func fold(name string) string {
	name = strings.ToLower(name[:min(len(name), longest)])
	return name[:min(len(name), longest)] // some letters are longer in lower case
}

// quote cuts a name and makes it fit to be shown.
func quote(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, name[:min(len(name), 4*longest)])
	if len(name) <= longest {
		return "'" + name + "'"
	}
	return "'" + strings.ToValidUTF8(name[:longest], "") + "'..."
}

// distance is how many letters must be put in, taken out, changed or swapped with the next one to
// make b of a; any number above allowed if it is more than that.
func distance(a, b string, allowed int) int {
	if d := len(a) - len(b); d > allowed || -d > allowed {
		return allowed + 1
	}
	var rows [3][longest + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > allowed {
			return least
		}
	}
	return rows[len(a)%3][len(b)]
}
