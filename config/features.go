package config

import (
	"fmt"
	"slices"
	"strings"
)

// FeatureStore is a place that models' inputs are filled from. Settings of other kinds must be left alone.
type FeatureStore struct {
	// Name is what models call the store, which must be given.
	Name string `yaml:"name"`
	// Kind is redis, postgres, embedded, which is a folder of files of the gateway's own form, or feast-sqlite, which is a file of
	// Feast's, and must be given.
	Kind string `yaml:"kind"`
	// Addresses are where redis or postgres listens, as host:port. Default none. Several are nodes of a redis cluster, or postgres servers
	// that are tried in this order.
	Addresses []string `yaml:"addresses"`
	// Cluster says that a redis is a cluster. Default false.
	Cluster bool `yaml:"cluster"`
	// Replicas are where the replicas of a redis that is no cluster listen, as host:port. Default none.
	Replicas []string `yaml:"replicas"`
	// ReadReplicas lets reads go to replicas of a redis, whose values may be a little older. Default false.
	ReadReplicas bool `yaml:"read_replicas"`
	// Database is the name of a postgres database. Default empty: the user's own.
	Database string `yaml:"database"`
	// User is who reads. Default empty: nobody by name.
	User string `yaml:"user"`
	// Password is where the password is: file:PATH, of which it is the whole content but for the end of a line, or env:NAME, a
	// variable. Default empty: none.
	Password string `yaml:"password"`
	// TLS encrypts the connections. Default false.
	TLS bool `yaml:"tls"`
	// Path is the folder of an embedded store, or the file of a feast-sqlite one. Default empty.
	Path string `yaml:"path"`
	// Layout is how a redis or a postgres store keeps rows: feast, native or hash, which is redis's. Default empty: feast.
	Layout string `yaml:"layout"`
	// Project is Feast's project. Default empty, of other layouts.
	Project string `yaml:"project"`
	// EntityKey is the form of Feast's keys: v3, v2 or redis_key_v2. Default v3. Under another form no row is found.
	EntityKey string `yaml:"entity_key"`

	Hash FeatureHash `yaml:"hash"`
}

// FeatureHash is for layout hash: a hash for each entity, with a field for each feature.
type FeatureHash struct {
	// Key is the template of a hash's key, such as user:{user_id}, with the names of join keys. Default empty.
	Key string `yaml:"key"`
	// Fields is how fields are named after features: plain, or xxhash32 of the name. Default plain.
	Fields string `yaml:"fields"`
	// Values is how values are written: text, f32le, protobuf or snappy. Default text.
	Values string `yaml:"values"`
	// Time is the field with the time of the values, in seconds since 1970 as text. Default empty: their age is not known.
	Time string `yaml:"time"`
}

// DefaultFeatureStore is a store of which nothing is said.
func DefaultFeatureStore() FeatureStore {
	return FeatureStore{EntityKey: "v3", Hash: FeatureHash{Fields: "plain", Values: "text"}}
}

var featureStoreKinds = []string{"redis", "postgres", "embedded", "feast-sqlite"}

// featureStores checks the list. What a kind needs beyond this, its store says when it is opened: see Fault.
func (v *validator) featureStores(stores []FeatureStore) {
	first := map[string]int{}
	for i := range stores {
		f := &stores[i]
		path := fmt.Sprintf("feature_stores[%d]", i)
		switch earlier, twice := first[f.Name]; {
		case f.Name == "":
			v.fault(path+".name", `""`, "must be given: models name the store by it")
		case twice:
			v.fault(path+".name", fmt.Sprintf("%q", f.Name), fmt.Sprintf("is the name of feature_stores[%d] too", earlier))
		}
		first[f.Name] = i
		v.oneOf(path+".kind", f.Kind, featureStoreKinds...)
		if f.Layout != "" {
			v.oneOf(path+".layout", f.Layout, "feast", "native", "hash")
		}
		v.oneOf(path+".entity_key", f.EntityKey, "v3", "v2", "redis_key_v2")
		v.oneOf(path+".hash.fields", f.Hash.Fields, "plain", "xxhash32")
		v.oneOf(path+".hash.values", f.Hash.Values, "text", "f32le", "protobuf", "snappy")
		if (f.Layout == "hash") != (f.Hash.Key != "") {
			v.fault(path+".hash.key", fmt.Sprintf("%q", f.Hash.Key), "must be given with layout hash, such as user:{user_id}, and with it alone")
		}
		if from, name, _ := strings.Cut(f.Password, ":"); f.Password != "" && (from != "file" && from != "env" || name == "") {
			v.fault(path+".password", "what is there", "must be file:PATH or env:NAME, never the password itself")
		}
		if !slices.Contains(featureStoreKinds, f.Kind) {
			continue
		}
		served := f.Kind == "redis" || f.Kind == "postgres"
		switch {
		case served && len(f.Addresses) == 0:
			v.fault(path+".addresses", "none", fmt.Sprintf("must say where %s listens, as host:port", f.Kind))
		case !served && len(f.Addresses) > 0:
			v.fault(path+".addresses", strings.Join(f.Addresses, ","), fmt.Sprintf("is of no use for %s, which lies on a disk: set path", f.Kind))
		case !served && f.Path == "":
			v.fault(path+".path", `""`, fmt.Sprintf("must say where the %s store lies", f.Kind))
		case served && f.Path != "":
			v.fault(path+".path", f.Path, fmt.Sprintf("is of no use for %s: leave it out", f.Kind))
		case f.Kind != "redis" && f.Layout == "hash":
			v.fault(path+".layout", `"hash"`, "is of redis alone: it must be feast or native")
		case f.Kind != "embedded" && (f.Layout == "" || f.Layout == "feast") && f.Project == "":
			v.fault(path+".project", `""`, "must be given: it is a part of the names under which Feast keeps rows; for rows of sluice features load set layout: native")
		}
		if served {
			v.storeAddresses(path+".addresses", f.Kind, f.Addresses)
			v.storeAddresses(path+".replicas", f.Kind, f.Replicas)
		}
	}
}

// storeAddresses checks where a store listens. Somebody may have put the password there, which is not repeated.
func (v *validator) storeAddresses(path, kind string, addresses []string) {
	for _, a := range addresses {
		switch {
		case strings.Contains(a, "@"):
			v.fault(path, "what is there", "must be host:port: user and password have settings of their own")
		case kind != "redis" || !strings.HasPrefix(a, "/"): // a redis may listen on a Unix socket
			v.address(path, a, false)
		}
	}
}
