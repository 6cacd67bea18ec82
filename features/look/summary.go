package look

import (
	"slices"
	"time"

	"sluice/features/store"
)

// Summary is what rows have.
type Summary struct {
	// Asked is how many keys were read, Found of how many there is a value.
	Asked int `json:"asked"`
	Found int `json:"found"`
	// Unaged is how many of those do not say when they became true; Stale is how many are older than MaxAge, or do not say.
	Unaged  int             `json:"unknown_ages"`
	Stale   int             `json:"stale"`
	Columns []ColumnSummary `json:"features"`

	group *store.Group
	ages  []time.Duration
}

// ColumnSummary is what a feature has in the rows that were found.
type ColumnSummary struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Width   int    `json:"width"`
	Present int    `json:"present"`
	Missing int    `json:"missing"`
	// Wrong is how many values the column cannot hold: of another type or length.
	Wrong int `json:"wrong"`
}

// NewSummary sums up rows of a group.
func NewSummary(g *store.Group) *Summary {
	s := &Summary{group: g}
	for i := range g.Columns {
		c := &g.Columns[i]
		s.Columns = append(s.Columns, ColumnSummary{Name: c.Name, Type: c.Type.String(), Width: c.Width})
	}
	return s
}

// Add adds rows, whose ages are as of now.
func (s *Summary) Add(rows *store.Rows, now time.Time) {
	for key := range rows.Len() {
		s.Asked++
		if !Found(rows, key) {
			continue
		}
		s.Found++
		for i, state := range rows.States(key) {
			switch state {
			case store.Present:
				s.Columns[i].Present++
			case store.Wrong:
				s.Columns[i].Wrong++
			default:
				s.Columns[i].Missing++
			}
		}
		age, known := Age(rows, key, now)
		if known {
			s.ages = append(s.ages, age)
		} else {
			s.Unaged++
		}
		if s.group.MaxAge > 0 && (!known || age > s.group.MaxAge) {
			s.Stale++
		}
	}
}

// Ages is the age that a share of the rows do not reach; false if none has one.
func (s *Summary) Ages(share float64) (time.Duration, bool) {
	if len(s.ages) == 0 {
		return 0, false
	}
	slices.Sort(s.ages)
	return s.ages[min(int(share*float64(len(s.ages))), len(s.ages)-1)], true
}

// Faults says what keeps a model from its features, a sentence each.
func (s *Summary) Faults() (all []string) {
	if s.Asked > 0 && s.Found == 0 {
		return []string{"the store has none of the entities"}
	}
	for _, c := range s.Columns {
		switch {
		case c.Wrong > 0:
			all = append(all, c.Name+" has values that do not fit its type or width")
		case s.Found > 0 && c.Present == 0:
			all = append(all, c.Name+" has no value in any row")
		}
	}
	return all
}

// Found tells whether there is anything in a row.
func Found(rows *store.Rows, key int) bool {
	return rows.Time(key) != 0 || slices.ContainsFunc(rows.States(key), func(s store.State) bool { return s != store.Missing })
}

// Age is how old a row's values are, if that is known.
func Age(rows *store.Rows, key int, now time.Time) (time.Duration, bool) {
	if rows.Time(key) == 0 {
		return 0, false
	}
	return max(now.Sub(time.Unix(0, rows.Time(key))), 0), true
}
