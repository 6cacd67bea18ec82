package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/loadtest/result"
)

// sizes are batch sizes in classes.
type sizes struct {
	classes []result.Count
	total   int64
	mean    float64
}

// mostSizes is up to how many sizes each has a line of its own.
const mostSizes = 12

// sizesOf sorts the counts by rows; more than a dozen go into the classes 1, 2, 3-4, 5-8, ...
func sizesOf(counts []result.Count) (s sizes) {
	type size struct {
		rows int
		n    int64
	}
	var all []size
	for _, c := range counts {
		rows, err := strconv.Atoi(c.Name)
		if err != nil || rows < 1 || rows > math.MaxUint16 || c.N < 1 {
			continue // not a size, or nothing
		}
		all = append(all, size{rows, c.N})
		s.total += c.N
		s.mean += float64(rows) * float64(c.N)
	}
	if s.total == 0 {
		return sizes{}
	}
	s.mean /= float64(s.total)
	slices.SortFunc(all, func(a, b size) int { return cmp.Compare(a.rows, b.rows) })
	if len(all) <= mostSizes {
		for _, v := range all {
			s.classes = append(s.classes, result.Count{Name: strconv.Itoa(v.rows), N: v.n})
		}
		return s
	}
	for low, high, i := 1, 1, 0; i < len(all); low, high = high+1, 2*high {
		c := result.Count{Name: strconv.Itoa(low)}
		if high > low {
			c.Name = fmt.Sprintf("%d-%d", low, high)
		}
		for ; i < len(all) && all[i].rows <= high; i++ {
			c.N += all[i].n
		}
		s.classes = append(s.classes, c)
	}
	return s
}

func batches(r *result.Result) part {
	p := part{Title: "Batches"}
	s := sizesOf(r.Batches)
	if s.total == 0 {
		return p
	}
	p.Table.Head = []string{"rows of the batch", "answers", "share"}
	for _, c := range s.classes {
		p.Table.add(c.Name, count(c.N), share(float64(c.N), float64(s.total)))
	}
	p.Notes = []string{fmt.Sprintf("An answer came from a batch of %s rows on average; large batches count once for each answer.", digits(s.mean))}
	return p
}
