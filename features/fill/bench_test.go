package fill

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"sluice/features/spec"
	"sluice/internal/clock"
	"sluice/internal/oip/target"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// cached fills a request for so many entities, each of so many features, from the cache.
func cached(t testing.TB, rows, features int, trail *origin.Trail) func() {
	s := &spec.Settings{
		Entities: map[string]string{"user": "INT64"},
		Groups:   map[string]spec.Group{"u": {Store: "hot", Keys: spec.Keys{{Join: "user", Entity: "user"}}, Budget: time.Minute, Cache: spec.Cache{TTL: time.Hour}}},
		Inputs:   map[string][]spec.Column{},
	}
	for i := range features {
		s.Inputs["dense"] = append(s.Inputs["dense"], spec.Column{Feature: fmt.Sprint("u:f", i)})
	}
	session := &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "dense", Type: tensor.FP32, Shape: []int64{-1, int64(features)}}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: 64, MaxRows: 1024,
	}
	r := newRig(t, s, session, &memory{})
	user := r.plan.Client.Input([]byte("user"))
	var ids []byte
	for i := range rows {
		ids = binary.LittleEndian.AppendUint64(ids, uint64(100+i))
	}
	tk, w := task.Get(), make(waiter, 1)
	t.Cleanup(tk.Release)
	one := func() {
		tk.Arena.Reset()
		d := target.New(r.plan.Client, "m", nil, tk)
		if err := d.Place(user, []int64{int64(rows)}); err != nil {
			t.Fatal(err)
		}
		tk.Inputs[user].Data = ids
		f := r.filler.Get()
		f.Trail = trail
		s := target.Resume(session, "m", nil, tk)
		ready, err := f.Begin(&s, clock.Now().Add(time.Minute), w)
		if err != nil {
			t.Fatal(err)
		}
		if !ready {
			<-w
		}
		if err := f.Complete(&s); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	one()
	one()
	return one
}

func BenchmarkFillFromCache(b *testing.B) {
	for _, n := range []struct{ rows, features int }{{1, 20}, {50, 100}, {500, 20}} {
		for name, trail := range map[string]*origin.Trail{"": nil, ",told": {}} {
			b.Run(fmt.Sprintf("%dx%d%s", n.rows, n.features, name), func(b *testing.B) {
				one := cached(b, n.rows, n.features, trail)
				b.ReportAllocs()
				for b.Loop() {
					one()
				}
			})
		}
	}
}
