package fill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/features"
	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/clock"
	"sluice/internal/oip"
	"sluice/internal/oip/target"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store in which the value of a feature is made of the keys: of column c it is 100*c and the sum of the whole numbers in
// the key and the lengths of its texts. It has nothing of keys whose sum is below 0, of those of 13 no first column, and of 14 a wrong
// one.
type memory struct {
	mode  string // fail, or stall
	age   time.Duration
	reads atomic.Int64
}

func (m *memory) Reader(g *store.Group) (store.Reader, error) { return reader{m, g}, nil }
func (m *memory) Ping(context.Context) error                  { return nil }
func (m *memory) Close() error                                { return nil }

type reader struct {
	*memory
	group *store.Group
}

func (r reader) Generation() uint64 { return 0 }

func (r reader) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	r.reads.Add(1)
	switch r.mode {
	case "fail":
		return errors.New("the store is broken")
	case "stall":
		<-ctx.Done()
		return ctx.Err()
	}
	for i, key := range keys {
		sum := int64(0)
		for _, k := range r.group.Keys {
			var v []byte
			if v, key = key.Next(k.Type); k.Type == store.Text {
				sum += int64(len(v))
			} else {
				sum += store.Int(k.Type, v)
			}
		}
		for c := range r.group.Columns {
			switch {
			case sum < 0 || sum == 13 && c == 0:
			case sum == 14 && c == 0:
				into.SetWrong(i, c)
			case r.group.Columns[c].Width > 1:
				l := into.SetList(i, c)
				for e := range r.group.Columns[c].Width {
					l.Int(100*int64(c) + sum + int64(e))
				}
				l.End()
			default:
				into.SetInt(i, c, 100*int64(c)+sum)
			}
		}
		if r.age > 0 {
			into.SetTime(i, time.Now().Add(-r.age).UnixNano())
		}
		into.Done(i)
	}
	return nil
}

// rig is a model that is filled.
type rig struct {
	t      testing.TB
	plan   *spec.Plan
	filler *Filler
	trail  origin.Trail
	limits *target.Limits // of the fill; nil: the default ones
}

func newRig(t testing.TB, s *spec.Settings, session *tensor.Schema, m *memory) *rig {
	t.Helper()
	if faults := s.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	plan, faults := s.Compile(session)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	engine, err := features.New(features.Options{})
	if err == nil {
		err = engine.AddStore("hot", m, features.StoreOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	var groups []*features.Group
	for i := range plan.Groups {
		p := &plan.Groups[i]
		g, err := engine.Group(p.Store, p.Of, features.GroupOptions{Budget: p.Budget, MaxAge: p.MaxAge, TTL: p.Cache.TTL, NegativeTTL: p.Cache.Negative})
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	return &rig{t: t, plan: plan, filler: New(plan, "m", engine, groups)}
}

type waiter chan struct{}

func (w waiter) Fetched(*Fill) { w <- struct{}{} }

// fill decodes a request and fills it.
func (r *rig) fill(inputs string) (*task.Task, Counts, error) {
	r.t.Helper()
	tk := task.Get()
	r.t.Cleanup(tk.Release)
	var q oip.Request
	if err := q.Decode(r.plan.Client, "m", []byte(`{"inputs":[`+inputs+`]}`), -1, nil, tk); err != nil {
		return tk, Counts{}, err
	}
	f, w := r.filler.Get(), make(waiter, 1)
	f.Trail = &r.trail
	d := target.Resume(r.plan.Session, "m", r.limits, tk)
	ready, err := f.Begin(&d, clock.Now().Add(time.Minute), w)
	if err == nil && !ready {
		<-w
	}
	if err == nil {
		err = f.Complete(&d)
	}
	counts := f.Counts
	f.Release()
	return tk, counts, err
}

// show is tensors as text.
func show(inputs []tensor.Tensor) string {
	var all []string
	for i := range inputs {
		in := &inputs[i]
		var values []string
		for at := 0; at < len(in.Data) && in.Type != tensor.Bytes; at += in.Type.Size() {
			if in.Type.Integer() {
				values = append(values, fmt.Sprint(tensor.IntAt(in.Type, in.Data[at:])))
			} else {
				values = append(values, fmt.Sprint(tensor.FloatAt(in.Type, in.Data[at:], 0)))
			}
		}
		all = append(all, fmt.Sprint(in.Name, tensor.ShapeText(in.Shape), " ", strings.Join(values, " ")))
	}
	return strings.Join(all, "; ")
}

func input(name, kind, shape, data string) string {
	return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":%s,"data":%s}`, name, kind, shape, data)
}
