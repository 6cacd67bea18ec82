package serve

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/features/embedded"
	"sluice/features/load"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/near"
)

// writerKinds make the writer of a view in a store of each kind that can be loaded. They do no I/O.
var writerKinds = map[string]func(o *opening, view string) (load.Writer, error){
	"embedded": func(o *opening, view string) (load.Writer, error) { return embedded.NewWriter(o.Path, view) },
	"redis":    func(o *opening, view string) (load.Writer, error) { return redis.NewWriter(o.redis(), view) },
	"postgres": func(o *opening, view string) (load.Writer, error) { return postgres.NewWriter(o.postgres(), view) },
}

// findStore is the number of a feature store in the settings.
func findStore(cfg *config.Config, name string) (int, error) {
	var names []string
	for i := range cfg.FeatureStores {
		if cfg.FeatureStores[i].Name == name {
			return i, nil
		}
		names = append(names, cfg.FeatureStores[i].Name)
	}
	if len(names) == 0 {
		return 0, errors.New("the settings name no feature_stores")
	}
	return 0, fmt.Errorf("the settings have no feature store %q%s: there are %s", name, near.Meant(name, names), near.First(name, names, len(names)))
}

// FeatureWriter makes the writer of a view in one of the settings' feature stores.
func FeatureWriter(cfg *config.Config, name, view string) (load.Writer, error) {
	i, err := findStore(cfg, name)
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("feature_stores[%d]", i)
	o, err := newOpening(cfg, i, zap.NewNop())
	if err != nil {
		return nil, cfg.Fault(setting, err)
	}
	write := writerKinds[o.Kind]
	if write == nil || o.Layout != "native" && o.Kind != "embedded" {
		return nil, cfg.Fault(setting, fmt.Errorf("is of kind %s and layout %q: an embedded store can be loaded, and others of layout native", o.Kind, o.Layout))
	}
	w, err := write(o, view)
	if err != nil {
		return nil, cfg.Fault(setting, fmt.Errorf("cannot write to the feature store %q: %w", o.Name, err))
	}
	return w, nil
}

// FeatureStore opens one of the settings' feature stores for reading. Its caller closes it.
func FeatureStore(cfg *config.Config, name string) (store.Store, error) {
	i, err := findStore(cfg, name)
	if err != nil {
		return nil, err
	}
	return openFeatureStore(cfg, i, zap.NewNop())
}
