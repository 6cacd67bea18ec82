package serve

import (
	"fmt"
	"strings"
	"testing"

	"sluice/config"
)

func TestFeatureWriter(t *testing.T) {
	cfg := config.Default()
	cfg.FeatureStores = []config.FeatureStore{
		{Name: "files", Kind: "embedded", Path: t.TempDir()},
		{Name: "hot", Kind: "redis", Addresses: []string{"127.0.0.1:1"}, Layout: "native"},
		{Name: "cold", Kind: "postgres", Addresses: []string{"127.0.0.1:1"}, Layout: "native"},
		{Name: "feast", Kind: "redis", Addresses: []string{"127.0.0.1:1"}},
	}
	// f wants a writer's type, or a part of the error.
	f := func(name, view, want string) {
		t.Helper()
		w, err := FeatureWriter(cfg, name, view)
		got := fmt.Sprintf("%T", w)
		if err != nil {
			got = err.Error()
		} else if err := w.Close(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("files", "v", "*embedded.Writer")
	f("hot", "v", "*redis.Writer")
	f("cold", "v", "*postgres.Writer")
	f("cold", "v w", `cannot write to the feature store "cold"`)
	f("feast", "v", "others of layout native")
	f("hat", "v", "did you mean hot?")
}
