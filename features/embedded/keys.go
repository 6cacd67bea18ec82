package embedded

import (
	"bytes"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	bolt "go.etcd.io/bbolt"

	"sluice/features/native"
	"sluice/features/store"
)

// Keys lists the entities of a view's visible generation, with those that were upserted, each once. It holds all of them.
func (s *Store) Keys(name string) (keys []store.Key, err error) {
	if err := native.CheckName(name); err != nil {
		return nil, err
	}
	v, err := s.view(name)
	if err != nil {
		return nil, err
	}
	g, err := v.generation(0)
	if err != nil {
		return nil, err
	}
	if keys, err = g.keys(); err != nil {
		return nil, fmt.Errorf("cannot read view %s in %s: %w", name, s.dir, err)
	}
	return keys, nil
}

func (g *generation) keys() (keys []store.Key, err error) {
	g.upserts.RLock()
	upserted := slices.Sorted(maps.Keys(g.upserts.newest))
	g.upserts.RUnlock()
	defer g.recoverFault(debug.SetPanicOnFault(true), &err)
	err = g.rows.View(func(tx *bolt.Tx) error {
		rows := tx.Bucket(rowsBucket)
		for _, key := range upserted {
			if rows.Get([]byte(key)) == nil {
				keys = append(keys, store.Key(key))
			}
		}
		return rows.ForEach(func(key, _ []byte) error {
			keys = append(keys, bytes.Clone(key))
			return nil
		})
	})
	return keys, err
}
