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
	// spared says that the store is asked by a shadow, which may not press on what live requests ask of it.
	spared bool
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

// redis is the options of a store in Redis.
func (o *opening) redis() redis.Options {
	r := redis.Options{
		Addresses: o.Addresses, Cluster: o.Cluster, Replicas: o.Replicas, ReadReplicas: o.ReadReplicas, User: o.User, Password: o.secret,
		Layout: redis.Layout(o.Layout), Project: o.Project, Keys: o.keys,
	}
	if o.spared {
		r.Connections = sparedConns
	}
	if o.TLS {
		r.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if h := &o.Hash; r.Layout == redis.Hashes {
		r.Hashes = map[string]redis.Hash{"": {Key: h.Key, Names: redis.Names(h.Fields), Value: redis.Encoding(h.Values), Time: h.Time}}
	}
	return r
}

// postgres is the options of a store in PostgreSQL.
func (o *opening) postgres() postgres.Options {
	p := postgres.Options{URL: postgres.URL(o.Addresses, o.Database, o.User, o.TLS), Password: o.secret, Project: o.Project, Keys: o.keys}
	if o.Layout == "native" {
		p.Layout = postgres.Native
	}
	if o.spared {
		p.Conns = sparedConns
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
	opt := features.Options{Log: s.log}
	if s.o.Patience > 0 {
		opt.CacheBytes = sparedCache
	}
	if s.features, err = features.New(opt); err != nil {
		return err
	}
	for name, st := range s.o.FeatureStores {
		if err := s.features.AddStore(name, st, features.StoreOptions{}); err != nil {
			return err
		}
	}
	for i := range s.cfg.FeatureStores {
		setting := fmt.Sprintf("feature_stores[%d]", i)
		o := &opening{FeatureStore: &s.cfg.FeatureStores[i], log: s.log, spared: s.o.Patience > 0}
		if err := s.openStore(setting, o); err != nil {
			return s.cfg.Fault(setting, fmt.Errorf("cannot open the feature store %q: %w", o.Name, err))
		}
	}
	return nil
}

func (s *Server) openStore(setting string, o *opening) error {
	o.readsSecret(s.cfg, setting)
	st, err := o.open()
	if err != nil {
		return err
	}
	var opt features.StoreOptions
	if o.spared {
		opt.Reads = sparedReads
	}
	return s.features.AddStore(o.Name, st, opt)
}

// What a shadow that fills its inputs itself may ask of a store at a time, and keep of it.
const (
	sparedReads = 1 // of a group
	sparedConns = 2 // to a server
	sparedCache = 16 << 20
)

// open opens the store. It does no I/O.
func (o *opening) open() (st store.Store, err error) {
	if o.keys, err = feast.ParseKeyLayout(o.EntityKey); err != nil {
		return nil, err
	}
	open := storeKinds[o.Kind]
	if open == nil {
		return nil, fmt.Errorf("this program has none of the kind %.40q", o.Kind)
	}
	return open(o)
}

// readsSecret makes what reads the password that the settings name.
func (o *opening) readsSecret(cfg *config.Config, setting string) {
	if o.Password != "" {
		o.secret = func() (string, error) {
			return secretText(cfg, setting+".password", o.Password, "the password of a feature store")
		}
	}
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
