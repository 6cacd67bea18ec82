package redis

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/features/feast"
	"sluice/features/store"
	"sluice/internal/servertest"
	"sluice/internal/tensor"
)

// fill puts the hashes of a file, which are what Feast wrote, into a server.
func fill(t testing.TB, s *Store, file string) {
	t.Helper()
	text, err := os.ReadFile("../feast/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var dump struct {
		Redis map[string]struct{ Hash map[string]string }
	}
	if err := json.Unmarshal(text, &dump); err != nil || len(dump.Redis) == 0 {
		t.Fatal(err, len(dump.Redis))
	}
	raw := func(text string) string {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	c := *s.narrow.all[0].client.Load()
	for key, of := range dump.Redis {
		for field, value := range of.Hash {
			cmd := c.B().Hset().Key(raw(key)).FieldValue().FieldValue(raw(field), raw(value)).Build()
			if err := c.Do(patient(t), cmd).Error(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var byDriver = []store.KeyColumn{{Name: "driver_id", Type: store.Int64}}

// TestFeast reads what Feast wrote, by both ways of reading a hash.
func TestFeast(t *testing.T) {
	t.Run("in process", func(t *testing.T) { readFeast(t, func(t *testing.T) string { return mini(t).Addr() }) })
	t.Run("redis-server", func(t *testing.T) {
		readFeast(t, func(t *testing.T) string { return servertest.StartRedis(t).Address })
	})
}

func readFeast(t *testing.T, server func(t *testing.T) string) {
	const missing, wrong = -1, -2
	f := func(file string, o Options, g *store.Group, keys []store.Key, times []int64, want ...[]float64) {
		t.Helper()
		o.Addresses, o.Project = []string{server(t)}, "my_project"
		s := open(t, o)
		fill(t, s, file)
		r := reader(t, s, g).(*hashes)
		for _, all := range []bool{false, true} {
			r.choice.all = all
			var rows store.Rows
			rows.Reset(g, len(keys))
			if err := r.Read(patient(t), 0, keys, &rows); err != nil {
				t.Error(err)
				continue
			}
			for key := range keys {
				if got := numbers(&rows, key); !slices.Equal(got, want[key]) || rows.Time(key) != times[key] || !rows.IsDone(key) {
					t.Errorf("%s, all fields %t, key %d: %v of %d, want %v of %d", file, all, key, got, rows.Time(key), want[key], times[key])
				}
			}
		}
	}
	drivers := group(t, "driver_hourly_stats", byDriver, float("conv_rate"), store.Column{Name: "acc_rate", Type: tensor.FP64, Width: 1},
		store.Column{Name: "trips", Type: tensor.Int32, Width: 1}, store.Column{Name: "emb", Type: tensor.FP32, Width: 2}, float("city"), float("never"))
	keys := ids(1001, 1004, 1003, 9999, 1002)
	times := []int64{1700000000e9, 1700000000e9, 1700000000e9, 0, 1700000000e9 + 123456e3}
	rows := [][]float64{
		{0.5, 0.1, 7, 0.5, -0.5, wrong, missing},
		{-1.25, 1e-300, 1<<31 - 1, missing, missing, missing},
		{missing, 3, -1, 1, 2, wrong, missing},
		{missing, missing, missing, missing, missing, missing},
		{0, 2, 0, missing, wrong, missing},
	}
	f("redis_v3.json", Options{}, drivers, keys, times, rows...)
	f("redis_v2.json", Options{Keys: feast.V2}, drivers, keys, times, rows...)
	vector := group(t, feast.VectorView("eta_v1"), byDriver, float("driver_hourly_stats__trips"), float("driver_flags__flags"), float("other__x"))
	f("redis_v3_precompute.json", Options{}, vector, ids(1002, 1, 1001), []int64{1700000000e9 + 123456e3, 0, 1700000000e9},
		[]float64{0, 0, missing}, []float64{missing, missing, missing}, []float64{7, 7, missing})
	zone := group(t, "zone_load", []store.KeyColumn{{Name: "zone_id", Type: store.Int32}}, float("load"))
	f("redis_v3.json", Options{}, zone, []store.Key{store.AppendInt(nil, store.Int32, 1<<31-1)}, []int64{1700000000e9}, []float64{0.75})
	both := group(t, "customer_driver", []store.KeyColumn{{Name: "driver_id", Type: store.Int64}, {Name: "customer_id", Type: store.Text}}, float("orders_30d"))
	f("redis_v3.json", Options{}, both, []store.Key{store.AppendText(id(1001), "c-7")}, []int64{1700000000e9}, []float64{12})
}

func TestFeastRefusesCollisions(t *testing.T) {
	s := begin(t, Options{Addresses: []string{"127.0.0.1:1"}})
	a, b := colliding(t)
	_, err := s.Reader(group(t, "v", byDriver, float(a), float("x"), float(b)))
	if err == nil || !strings.Contains(err.Error(), a) || !strings.Contains(err.Error(), b) {
		t.Error(err)
	}
	if _, err := s.Reader(group(t, "v", byDriver, float("x"), float("x"))); err == nil {
		t.Error("one feature twice is taken")
	}
}

// colliding finds two features of the view v whose fields are the same: of some 100,000 names two mostly are.
func colliding(t *testing.T) (first, second string) {
	t.Helper()
	owner := map[string]string{}
	for i := range 1 << 20 {
		name := strconv.Itoa(i)
		field := feastField("v", name)
		if other, taken := owner[field]; taken {
			return other, name
		}
		owner[field] = name
	}
	t.Fatal("no two names of one hash")
	return "", ""
}
