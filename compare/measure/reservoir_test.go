package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestReservoir holds that the rows with the largest differences are kept, in whatever order they come, within the bytes.
func TestReservoir(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most, content = 4, 20
		n := rapid.IntRange(0, 20).Draw(t, "n")
		rows := make([]Row, n)
		for i := range rows {
			size := rapid.IntRange(0, content+2).Draw(t, "size")
			rows[i] = Row{
				Difference: rapid.SampledFrom([]float64{0, 0.5, 1, 2, inf}).Draw(t, "difference"), ID: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id"), Row: i,
				Content: []byte(strings.Repeat("x", size)), Size: size,
			}
		}
		fill := func(order []int) *Reservoir {
			r, err := NewReservoir(most, most*(maxID+content))
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range order {
				row := rows[i]
				wants := r.Wants(row.Difference, row.ID, row.Row)
				given := slices.Clone(row.Content)
				r.Add(row.Difference, row.ID, row.Row, given)
				clear(given) // it keeps a copy
				r.Add(row.Difference, row.ID, row.Row, nil)
				kept := slices.ContainsFunc(r.Rows(), func(k Row) bool { return k.Row == row.Row })
				if wants != kept {
					t.Fatalf("row %d was wanted: %v, and kept: %v", row.Row, wants, kept)
				}
			}
			return r
		}
		r := fill(rapid.Permutation(rangeOf(n)).Draw(t, "order"))
		want := slices.DeleteFunc(slices.Clone(rows), func(row Row) bool { return row.Difference == 0 })
		slices.SortFunc(want, func(a, b Row) int {
			switch {
			case a.Difference != b.Difference:
				return int(math.Copysign(1, b.Difference-a.Difference))
			case a.ID != b.ID:
				return strings.Compare(a.ID, b.ID)
			}
			return a.Row - b.Row
		})
		want = want[:min(len(want), most)]
		for i := range want {
			want[i].Difference = min(want[i].Difference, math.MaxFloat64)
			if want[i].Size > content {
				want[i].Content = nil
			}
		}
		if got := r.Rows(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("kept %v, want %v", got, want)
		}
		again := fill(nil)
		data, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(data, again)
		}
		if err != nil || fmt.Sprint(again.Rows()) != fmt.Sprint(r.Rows()) {
			t.Fatalf("%v became %v: %v", r.Rows(), again.Rows(), err)
		}
	})
	for _, limits := range [][2]int{{0, 1 << 20}, {4, 4*maxID - 1}} {
		if _, err := NewReservoir(limits[0], limits[1]); err == nil {
			t.Errorf("made a reservoir of %d rows in %d bytes", limits[0], limits[1])
		}
	}
}
