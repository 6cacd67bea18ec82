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

// FeatureWriter makes the writer of a view in one of the settings' feature stores.
func FeatureWriter(cfg *config.Config, name, view string) (load.Writer, error) {
	o, setting, err := findStore(cfg, name)
	if err != nil {
		return nil, err
	}
	open := writerKinds[o.Kind]
	if open == nil || o.Layout != "native" && o.Kind != "embedded" {
		return nil, cfg.Fault(setting, fmt.Errorf("is of kind %s and layout %q: an embedded store can be loaded, and others of layout native", o.Kind, o.Layout))
	}
	w, err := open(o, view)
	if err != nil {
		return nil, cfg.Fault(setting, fmt.Errorf("cannot write to the feature store %q: %w", name, err))
	}
	return w, nil
}

// FeatureStore opens one of the settings' feature stores, for a command that reads.
func FeatureStore(cfg *config.Config, name string, log *zap.Logger) (store.Store, error) {
	o, setting, err := findStore(cfg, name)
	if err != nil {
		return nil, err
	}
	o.log = log
	st, err := o.open()
	if err != nil {
		return nil, cfg.Fault(setting, fmt.Errorf("cannot open the feature store %q: %w", name, err))
	}
	return st, nil
}

// findStore finds a feature store of the settings by its name.
func findStore(cfg *config.Config, name string) (o *opening, setting string, err error) {
	var names []string
	for i := range cfg.FeatureStores {
		f := &cfg.FeatureStores[i]
		if f.Name == name {
			setting = fmt.Sprintf("feature_stores[%d]", i)
			o = &opening{FeatureStore: f}
			o.readsSecret(cfg, setting)
			return o, setting, nil
		}
		names = append(names, f.Name)
	}
	if len(names) == 0 {
		return nil, "", errors.New("the settings name no feature_stores")
	}
	return nil, "", fmt.Errorf("the settings have no feature store %q%s: there are %s", name, near.Meant(name, names), near.First(name, names, len(names)))
}
