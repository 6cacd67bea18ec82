package serve

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/features"
	"sluice/features/store"
	"sluice/internal/clock"
	"sluice/internal/tensor"
)

type fetched chan struct{}

func (f fetched) Fetched() { f <- struct{}{} }

// A store is opened as its settings say; one that is not there fails no start.
func TestStoresOfSettings(t *testing.T) {
	at := config.DefaultFeatureStore()
	laptop, gone, empty, away, down := at, at, at, at, at
	laptop.Name, laptop.Kind, laptop.Path, laptop.Project = "laptop", "feast-sqlite", "../features/embedded/testdata/sqlite_v3.db", "my_project"
	gone.Name, gone.Kind, gone.Path, gone.Project = "gone", "feast-sqlite", "nowhere.db", "my_project"
	empty.Name, empty.Kind, empty.Path = "empty", "embedded", t.TempDir()
	away.Name, away.Kind, away.Addresses, away.Password = "away", "redis", []string{"127.0.0.1:1"}, "env:HOME"
	down.Name, down.Kind, down.Addresses = "down", "postgres", []string{"127.0.0.1:1"}
	s := &Server{cfg: config.Default(), log: zap.NewNop()}
	s.cfg.FeatureStores = []config.FeatureStore{laptop, gone, empty, away, down}
	if err := s.openFeatures(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.features.Close(); err != nil {
			t.Error(err)
		}
	}()
	f := func(name string, budget time.Duration, want []features.Status, value float64) {
		t.Helper()
		layout, err := store.NewGroup(store.Group{
			Name: "stats", View: "driver_hourly_stats", Keys: []store.KeyColumn{{Name: "driver_id", Type: store.Int64}},
			Columns: []store.Column{{Name: "conv_rate", Type: tensor.FP32, Width: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		g, err := s.features.Group(name, layout, features.GroupOptions{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Release()
		one, done := s.features.Fetch(), make(fetched, 1)
		slot := one.Add(g, store.AppendInt(nil, store.Int64, 1001))
		if !one.Start(clock.Now().Add(time.Minute), done) {
			<-done
		}
		row := one.Row(slot)
		if !slices.Contains(want, row.Status) || row.Values != nil && tensor.FloatAt(tensor.FP32, row.Values, 0) != value {
			t.Errorf("%s: %s %v, want %s and %v", name, row.Status, row.Values, want, value)
		}
		one.Release()
	}
	lost := []features.Status{features.Failed, features.TimedOut}
	f("laptop", time.Minute, []features.Status{features.Present}, 0.5)
	f("gone", time.Minute, lost, 0)
	f("empty", time.Minute, lost, 0) // nothing was loaded
	f("away", 20*time.Millisecond, lost, 0)
	f("down", 20*time.Millisecond, lost, 0)
	if got := s.silentStores(); len(got) > 0 {
		t.Errorf("%q at once", got)
	}
	for range 100 {
		f("gone", time.Minute, lost, 0)
	}
	if got, want := s.silentStores(), []string{"feature store gone does not answer: columns have their defaults"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	odd := at
	odd.Name, odd.Kind = "odd", "drawer"
	other := &Server{cfg: config.Default(), log: zap.NewNop()}
	other.cfg.FeatureStores = []config.FeatureStore{odd}
	if err := other.openFeatures(); err == nil || err.Error() != `feature_stores[0]: cannot open the feature store "odd": this program has none of the kind "drawer"` {
		t.Errorf("got %v", err)
	}
	if err := other.features.Close(); err != nil {
		t.Error(err)
	}
}
