package redis

import (
	"strings"

	"sluice/features/feast"
	"sluice/features/store"
)

// feastView is a view as Feast writes it: a field for each feature and one for the time.
type feastView struct {
	*feast.Keys
	time int // the field of it
}

// feastVector is the precomputed vector of a feature service: one field. The time is in it.
type feastVector struct {
	*feast.Keys
	vector *feast.Vector
}

func newFeast(g *store.Group, o *Options) (layout, []string) {
	keys := feast.NewKeys(g, o.Keys, o.Project)
	if strings.HasPrefix(g.View, feast.VectorView("")) {
		return &feastVector{Keys: keys, vector: feast.NewVector(g)}, []string{feastField(g.View, feast.VectorFeature)}
	}
	fields := make([]string, 0, len(g.Columns)+1)
	for i := range g.Columns {
		fields = append(fields, feastField(g.View, g.Columns[i].Name))
	}
	return &feastView{Keys: keys, time: len(g.Columns)}, append(fields, feast.TimeField(g.View))
}

func feastField(view, feature string) string {
	field := feast.Field(feast.Name(view, feature))
	return string(field[:])
}

func (v *feastView) key(dst []byte, k store.Key) []byte { return v.Append(dst, k) }

func (v *feastView) put(into *store.Rows, key, field int, value []byte, _ *[]byte) {
	if field == v.time {
		into.SetTime(key, feast.Time(value))
		return
	}
	feast.Put(into, key, field, value)
}

func (v *feastVector) key(dst []byte, k store.Key) []byte { return v.Append(dst, k) }

func (v *feastVector) put(into *store.Rows, key, _ int, value []byte, _ *[]byte) {
	v.vector.Put(into, key, value)
}
