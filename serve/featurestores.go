package serve

import (
	"crypto/tls"
	"fmt"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/features"
	"sluice/features/embedded"
	"sluice/features/feast"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/features/store"
)

// opening is a store's settings, with what opens it needs beside.
type opening struct {
	*config.FeatureStore
	keys feast.KeyLayout
	// secret reads the password, each time that it is asked; nil if there is none.
	secret func() (string, error)
	log    *zap.Logger
}

// storeKinds open the stores of each kind. An opener does no I/O that fails where a server is down: its error is about the settings.
var storeKinds = map[string]func(o *opening) (store.Store, error){
	"embedded": func(o *opening) (store.Store, error) {
		return embedded.Open(o.Path, embedded.Options{Fault: o.tell}), nil
	},
	"feast-sqlite": func(o *opening) (store.Store, error) {
		return embedded.OpenFeast(embedded.FeastOptions{Path: o.Path, Project: o.Project, Keys: o.keys}), nil
	},
	"redis":    func(o *opening) (store.Store, error) { return redis.New(o.redis()) },
	"postgres": func(o *opening) (store.Store, error) { return postgres.New(o.postgres()) },
}

func (o *opening) redis() redis.Options {
	r := redis.Options{
		Addresses: o.Addresses, Cluster: o.Cluster, Replicas: o.Replicas, ReadReplicas: o.ReadReplicas, User: o.User, Password: o.secret,
		Layout: redis.Layout(o.Layout), Project: o.Project, Keys: o.keys,
	}
	if o.TLS {
		r.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if h := &o.Hash; r.Layout == redis.Hashes {
		r.Hashes = map[string]redis.Hash{"": {Key: h.Key, Names: redis.Names(h.Fields), Value: redis.Encoding(h.Values), Time: h.Time}}
	}
	return r
}

func (o *opening) postgres() postgres.Options {
	p := postgres.Options{URL: postgres.URL(o.Addresses, o.Database, o.User, o.TLS), Password: o.secret, Project: o.Project, Keys: o.keys}
	if o.Layout == "native" {
		p.Layout = postgres.Native
	}
	return p
}

// tell logs that the newest generation of an embedded store's view cannot be read, or can be again.
func (o *opening) tell(view string, err error) {
	if err == nil {
		o.log.Info("the newest rows of a feature store can be read again", zap.String("store", o.Name), zap.String("view", view))
		return
	}
	o.log.Warn("the newest rows of a feature store cannot be read: those before them stay", zap.String("store", o.Name), zap.String("view", view), zap.Error(err))
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
		st, err := openFeatureStore(s.cfg, i, s.log)
		if err == nil {
			err = s.features.AddStore(s.cfg.FeatureStores[i].Name, st, features.StoreOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newOpening completes what opens the store of a setting, which is named in the faults of its password.
func newOpening(cfg *config.Config, i int, log *zap.Logger) (o *opening, err error) {
	o = &opening{FeatureStore: &cfg.FeatureStores[i], log: log}
	if o.keys, err = feast.ParseKeyLayout(o.EntityKey); err != nil {
		return nil, err
	}
	if o.Password != "" {
		o.secret = func() (string, error) {
			return secretText(cfg, fmt.Sprintf("feature_stores[%d].password", i), o.Password, "the password of a feature store")
		}
	}
	return o, nil
}

// openFeatureStore opens a store of the settings.
func openFeatureStore(cfg *config.Config, i int, log *zap.Logger) (store.Store, error) {
	o, err := newOpening(cfg, i, log)
	if err == nil && storeKinds[o.Kind] == nil {
		err = fmt.Errorf("this program has none of the kind %.40q", o.Kind)
	}
	var st store.Store
	if err == nil {
		st, err = storeKinds[o.Kind](o)
	}
	if err != nil {
		return nil, cfg.Fault(fmt.Sprintf("feature_stores[%d]", i), fmt.Errorf("cannot open the feature store %q: %w", cfg.FeatureStores[i].Name, err))
	}
	return st, nil
}

// silentStores are the stores that are not asked now, a sentence each.
func (s *Server) silentStores() (all []string) {
	for _, st := range s.features.Stats().Stores {
		if st.Breaker != features.Closed {
			all = append(all, fmt.Sprintf("feature store %s does not answer: columns have their defaults", st.Name))
		}
	}
	return all
}
