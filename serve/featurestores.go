package serve

import (
	"fmt"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/features"
	"sluice/features/embedded"
	"sluice/features/feast"
	"sluice/features/store"
)

// storeKinds open the stores of each kind. An opener does no I/O that fails where a server is down: its error is about the
// settings. password reads the secret that the settings name, each time that it is asked.
var storeKinds = map[string]func(f *config.FeatureStore, password func() (string, error), log *zap.Logger) (store.Store, error){
	"embedded": func(f *config.FeatureStore, _ func() (string, error), log *zap.Logger) (store.Store, error) {
		return embedded.Open(f.Path, embedded.Options{Fault: func(view string, err error) { tellFault(log, f.Name, view, err) }}), nil
	},
	"feast-sqlite": func(f *config.FeatureStore, _ func() (string, error), _ *zap.Logger) (store.Store, error) {
		return embedded.OpenFeast(embedded.FeastOptions{Path: f.Path, Project: f.Project, Keys: keyLayout(f)}), nil
	},
}

// tellFault logs that the newest generation of a view cannot be read, or can be again.
func tellFault(log *zap.Logger, name, view string, err error) {
	if err == nil {
		log.Info("the newest rows of a feature store can be read again", zap.String("store", name), zap.String("view", view))
		return
	}
	log.Warn("the newest rows of a feature store cannot be read: those before them stay", zap.String("store", name), zap.String("view", view), zap.Error(err))
}

// keyLayout is the layout of Feast's keys.
func keyLayout(f *config.FeatureStore) feast.KeyLayout {
	if f.KeyVersion == 2 {
		return feast.V2
	}
	return feast.V3
}

// openFeatures makes what reads features, and its stores.
func (s *Server) openFeatures() (err error) {
	if s.features, err = features.New(features.Options{Log: s.log}); err != nil {
		return err
	}
	for name, st := range s.o.FeatureStores {
		if err := s.features.AddStore(name, st, features.StoreOptions{}); err != nil {
			return err
		}
	}
	for i := range s.cfg.FeatureStores {
		f, setting := &s.cfg.FeatureStores[i], fmt.Sprintf("feature_stores[%d]", i)
		open := storeKinds[f.Kind]
		if open == nil {
			return s.cfg.Fault(setting+".kind", fmt.Errorf("this program has no feature stores of the kind %s", f.Kind))
		}
		password := func() (string, error) {
			return secretText(s.cfg, setting+".password", f.Password, "the password of a feature store")
		}
		st, err := open(f, password, s.log)
		if err == nil {
			err = s.features.AddStore(f.Name, st, features.StoreOptions{})
		}
		if err != nil {
			return s.cfg.Fault(setting, fmt.Errorf("cannot open the feature store %q: %w", f.Name, err))
		}
	}
	return nil
}
