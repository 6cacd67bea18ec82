package predlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/origin"
	"sluice/predlog/table"
)

var testColumns = []origin.Column{{Input: "x", Name: "u:a", Group: 0}, {Input: "x", Name: "km", Group: origin.NoGroup}, {Input: "who", Name: "s:b", Group: 1}}

// filledRecord is a test record of so many rows, whose columns and groups have the statuses and ages that say in their order.
func filledRecord(rows int, status func(column, row int) origin.Status, age func(group, row int) time.Duration) *Record {
	r := testRecord(1)
	r.Columns, r.Trail = testColumns, &origin.Trail{}
	r.Trail.Begin(testColumns, 2, rows)
	for row := range rows {
		for c := range testColumns {
			r.Trail.Row(row)[c] = status(c, row)
		}
		for g := range 2 {
			r.Trail.Ages(g)[row] = age(g, row)
		}
	}
	return r
}

// shown is features as text.
func shown(list []table.Feature) string {
	var all []string
	for i := range list {
		f := &list[i]
		all = append(all, fmt.Sprint(f.Input, " ", f.Name, " ", f.Statuses, " ", f.AgesMS))
	}
	return strings.Join(all, "; ")
}

// What became of each value is in the row, with its age in begun milliseconds where it has one.
func TestTrails(t *testing.T) {
	f := func(redact map[string]Redaction, r *Record, inputs int, want string) {
		t.Helper()
		w, _ := start(t, Options{Sample: 1, Redact: redact, HashKey: testKey})
		w.Take(r)
		finish(t, w)
		rows, _ := tables(t, w.opt.Dir)
		if got := shown(rows[0].Features); got != want || len(rows[0].Inputs) != inputs || rows[0].Replayable != (redact == nil) {
			t.Errorf("%v: %s, %d inputs, replayable %v\nwant %s, %d inputs", redact, got, len(rows[0].Inputs), rows[0].Replayable, want, inputs)
		}
	}
	mixed := func() *Record {
		return filledRecord(3, func(c, row int) origin.Status {
			return [][]origin.Status{
				{origin.Cached, origin.Cached, origin.Missing}, {origin.Request, origin.Request, origin.Request}, {origin.Stale, origin.Default, origin.Timeout},
			}[c][row]
		}, func(g, row int) time.Duration {
			return [][]time.Duration{{0, 5*time.Millisecond + 1, 9 * time.Second}, {time.Hour, 2 * time.Hour, origin.Unknown}}[g][row]
		})
	}
	x, km, who := "x u:a [cached cached missing] [1 6 0]", "x km [request request request] [0 0 0]", "who s:b [stale default timeout] [3600000 7200000 0]"
	f(nil, mixed(), 2, x+"; "+km+"; "+who)
	f(map[string]Redaction{"x": Hash}, mixed(), 2, x+"; "+km+"; "+who)
	// A tensor has the values of its columns: none of them gets into the log by way of it.
	f(map[string]Redaction{"x": Drop}, mixed(), 1, who)
	f(map[string]Redaction{"km": Drop}, mixed(), 1, who)
	f(map[string]Redaction{"km": Hash, "u:a": Drop}, mixed(), 1, who)
	f(map[string]Redaction{"km": Hash, "x": Drop}, mixed(), 1, who)
	f(map[string]Redaction{"x": Drop, "s:b": Drop}, mixed(), 0, "")
	// A tensor that came whole is not told of, and is redacted for its columns all the same.
	whole := func() *Record {
		return filledRecord(2, func(c, _ int) origin.Status {
			if c < 2 {
				return origin.None
			}
			return origin.Present
		}, func(int, int) time.Duration { return origin.Unknown })
	}
	f(nil, whole(), 2, "who s:b [present present] [0 0]")
	f(map[string]Redaction{"km": Drop}, whole(), 1, "who s:b [present present] [0 0]")
	none := whole()
	none.Trail = nil
	f(nil, none, 2, "")
	f(map[string]Redaction{"u:a": Drop}, none, 1, "")
}

// A trail takes no more than is announced, whatever is in it.
func TestTrailBound(t *testing.T) {
	w := &Writer{redact: newRedactor(nil, nil)}
	f := func(rows int, status func(column, row int) origin.Status, age func(group, row int) time.Duration) {
		t.Helper()
		r := filledRecord(rows, status, age)
		if got, most := len(w.appendTrail(nil, r)), r.trailBound(); got > most {
			t.Errorf("%d rows: %d bytes, and at most %d", rows, got, most)
		}
	}
	same := func(int, int) origin.Status { return origin.Cached }
	other := func(_, row int) origin.Status { return origin.Present + origin.Status(row%2) }
	f(1, same, func(int, int) time.Duration { return 0 })
	f(200, same, func(int, int) time.Duration { return time.Hour })
	f(200, other, func(_, row int) time.Duration { return 1<<63 - 1 - time.Duration(row)*time.Second })
	f(70000, same, func(int, int) time.Duration { return time.Hour })
}

// Records of older programs are read: those before this one have no features.
func TestOlderRecords(t *testing.T) {
	w := &Writer{redact: newRedactor(nil, nil)}
	payload := w.appendRecord(nil, testRecord(3), &choice{tensors: table.TensorsKept, weight: 20}, 5)
	var want, got table.Row
	if err := decodeRecord(recordFrame, payload[1:], &want); err != nil {
		t.Fatal(err)
	}
	older := slices.Concat([]byte{olderFrame}, payload[1:len(payload)-1]) // without the 0 that stands for no features
	if err := decodeRecord(older[0], older[1:], &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

// A trail that is more than a record tells of leaves the tensors out.
func TestLargeTrail(t *testing.T) {
	w, _ := start(t, Options{Sample: 1, Index: true, MaxRecord: 16 << 20})
	w.Take(filledRecord(mostValues/len(testColumns)+1, func(int, int) origin.Status { return origin.Cached }, func(int, int) time.Duration { return 0 }))
	finish(t, w)
	if rows, _ := tables(t, w.opt.Dir); rows[0].Tensors != table.TensorsTooLarge || len(rows[0].Features) > 0 {
		t.Errorf("%s, %d features", rows[0].Tensors, len(rows[0].Features))
	}
}
