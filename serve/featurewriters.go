package serve

import (
	"errors"
	"fmt"

	"sluice/config"
	"sluice/features/embedded"
	"sluice/features/load"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/internal/near"
)

// writerKinds make the writer of a view in a store of each kind that can be loaded. They do no I/O.
var writerKinds = map[string]func(o *opening, view string) (load.Writer, error){
	"embedded": func(o *opening, view string) (load.Writer, error) { return embedded.NewWriter(o.Path, view) },
	"redis":    func(o *opening, view string) (load.Writer, error) { return redis.NewWriter(o.redis(), view) },
	"postgres": func(o *opening, view string) (load.Writer, error) { return postgres.NewWriter(o.postgres(), view) },
}

// FeatureWriter makes the writer of a view in one of the settings' feature stores.
func FeatureWriter(cfg *config.Config, name, view string) (load.Writer, error) {
	var names []string
	for i := range cfg.FeatureStores {
		f, setting := &cfg.FeatureStores[i], fmt.Sprintf("feature_stores[%d]", i)
		names = append(names, f.Name)
		if f.Name != name {
			continue
		}
		open := writerKinds[f.Kind]
		if open == nil || f.Layout != "native" && f.Kind != "embedded" {
			return nil, cfg.Fault(setting, fmt.Errorf("is of kind %s and layout %q: an embedded store can be loaded, and others of layout native", f.Kind, f.Layout))
		}
		o := &opening{FeatureStore: f}
		o.readsSecret(cfg, setting)
		w, err := open(o, view)
		if err != nil {
			return nil, cfg.Fault(setting, fmt.Errorf("cannot write to the feature store %q: %w", f.Name, err))
		}
		return w, nil
	}
	if len(names) == 0 {
		return nil, errors.New("the settings name no feature_stores")
	}
	return nil, fmt.Errorf("the settings have no feature store %q%s: there are %s", name, near.Meant(name, names), near.First(name, names, len(names)))
}
