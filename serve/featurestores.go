package serve

import (
	"fmt"

	"sluice/config"
	"sluice/features"
	"sluice/features/store"
)

// storeKinds open the stores of each kind. An opener does no I/O that a server which is down would fail: its error is about
// the settings. password reads the secret that the settings name, each time that it is asked.
var storeKinds = map[string]func(f *config.FeatureStore, password func() (string, error)) (store.Store, error){}

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
		st, err := open(f, func() (string, error) {
			return secretText(s.cfg, setting+".password", f.Password, "the password of a feature store")
		})
		if err == nil {
			err = s.features.AddStore(f.Name, st, features.StoreOptions{})
		}
		if err != nil {
			return s.cfg.Fault(setting, fmt.Errorf("cannot open the feature store %q: %w", f.Name, err))
		}
	}
	return nil
}
