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
	// Addresses are where redis or postgres listens, as host:port. Default none. Several are nodes of one cluster.
	Addresses []string `yaml:"addresses"`
	// Cluster says that a redis is a cluster. Default false.
	Cluster bool `yaml:"cluster"`
	// Replicas lets reads go to replicas of a redis, whose values may be a little older. Default false.
	Replicas bool `yaml:"replicas"`
	// Database is the number of a redis database, or the name of a postgres one. Default empty: the server's own.
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
	// Layout is how the store keeps rows: feast, feast-vector or native. Default empty: feast, and native for embedded.
	Layout string `yaml:"layout"`
	// Project is Feast's project. Default empty, of other layouts.
	Project string `yaml:"project"`
	// KeyVersion is the version of Feast's keys, 2 or 3. Default 3. Too low or too high finds no row.
	KeyVersion int `yaml:"key_version"`
}

// DefaultFeatureStore is a store of which nothing is said.
func DefaultFeatureStore() FeatureStore {
	return FeatureStore{KeyVersion: 3}
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
			v.oneOf(path+".layout", f.Layout, "feast", "feast-vector", "native")
		}
		between(v, path+".key_version", f.KeyVersion, 2, 3)
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
		}
	}
}
