package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/feast"
	"sluice/features/postgres"
	"sluice/features/redis"
	"sluice/internal/pgtest"
	"sluice/test/rig"
)

// storage is the store behind a stage.
type storage struct {
	// settings are those of the gateway, but for the name.
	settings string
	// fill writes all rows, also again.
	fill func() error
	// end ends its servers.
	end func()
}

// onRedis is a Redis in Feast's layout.
func onRedis(s *stage, dir string) (st storage, err error) {
	if s.redis, err = newServer(dir); err != nil {
		return st, err
	}
	return storage{
		settings: fmt.Sprintf("kind: redis, layout: feast, project: %s, addresses: [%q]", project, s.redis.addr),
		fill: func() (err error) {
			s.names, err = fillFor(s.redis, redis.Feast, s.group, s.keys)
			return err
		},
		end: s.redis.end,
	}, nil
}

// onBouncer is a PostgreSQL behind PgBouncer, in the native layout.
func onBouncer(s *stage, _ string) (st storage, err error) {
	server, err := pgtest.Start()
	if err != nil {
		return st, err
	}
	if s.bouncer, err = server.StartBouncer(); err != nil {
		server.End()
		return st, err
	}
	return storage{
		settings: fmt.Sprintf("kind: postgres, layout: native, database: postgres, user: postgres, addresses: [%q]", s.bouncer.Address),
		fill: func() error {
			w, err := postgres.NewWriter(postgres.Options{URL: server.URL, Layout: postgres.Native}, s.group.View)
			if err != nil {
				return err
			}
			return errors.Join(loadRows(w, s.group, int64(len(s.keys)), whole), w.Close())
		},
		end: func() {
			s.bouncer.End()
			server.End()
		},
	}, nil
}

const (
	clusterNodes = 3
	clusterSlots = 16384
)

// cluster is masters, each with a part of the slots.
type cluster struct {
	nodes []*server
	ids   []string
	rueidis.Client

	owners map[int64]int // of slots that are no longer where they were first
	moved  int           // keys whose slots were moved
}

// onCluster is a cluster in Feast's layout.
func onCluster(s *stage, dir string) (st storage, err error) {
	c := &cluster{owners: map[int64]int{}}
	defer func() {
		if err != nil {
			c.end()
		}
	}()
	if err := c.start(dir); err != nil {
		return st, err
	}
	s.cluster = c
	var addresses []string
	for _, n := range c.nodes {
		addresses = append(addresses, n.addr)
	}
	if c.Client, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: addresses, DisableCache: true}); err != nil {
		return st, err
	}
	return storage{
		settings: fmt.Sprintf("kind: redis, cluster: true, layout: feast, project: %s, addresses: [\"%s\"]", project, strings.Join(addresses, `", "`)),
		fill:     func() error { return c.fill(s) },
		end:      c.end,
	}, nil
}

// start starts the nodes and makes them one.
func (c *cluster) start(dir string) error {
	for i := range clusterNodes {
		own, err := folder(dir, fmt.Sprint("node-", i))
		if err != nil {
			return err
		}
		bus, err := rig.FreeAddress()
		if err != nil {
			return err
		}
		_, port, _ := strings.Cut(bus, ":")
		n, err := newServer(own, "--cluster-enabled", "yes", "--cluster-port", port, "--cluster-node-timeout", "5000")
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
		id, err := n.ask("CLUSTER", "MYID").ToString()
		if err != nil {
			return err
		}
		c.ids = append(c.ids, id)
		if err := n.ask("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(firstSlot(i)), fmt.Sprint(firstSlot(i+1)-1)).Error(); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		host, listens, _ := strings.Cut(n.addr, ":")
		if err := c.nodes[0].ask("CLUSTER", "MEET", host, listens, port).Error(); err != nil {
			return err
		}
	}
	return c.agree()
}

// agree waits until each node knows all others and that all slots are served, and all have heard of the same changes. An owner that had
// not heard of the last one would lose a slot again that it is given.
func (c *cluster) agree() error {
	for begun := time.Now(); time.Since(begun) < upWithin; time.Sleep(time.Millisecond) {
		epochs := map[string]bool{}
		for _, n := range c.nodes {
			text, err := n.ask("CLUSTER", "INFO").ToString()
			if err != nil || !strings.Contains(text, "cluster_state:ok") || !strings.Contains(text, fmt.Sprint("cluster_known_nodes:", clusterNodes)) {
				text = n.addr
			}
			_, epoch, _ := strings.Cut(text, "cluster_current_epoch:")
			epoch, _, _ = strings.Cut(epoch, "\r")
			epochs[epoch] = true
		}
		if len(epochs) == 1 && !epochs[""] {
			return nil
		}
	}
	return fmt.Errorf("the nodes of a cluster do not agree within %v", upWithin)
}

func firstSlot(node int) int { return clusterSlots * node / clusterNodes }

func (c *cluster) fill(s *stage) error {
	fields := feastFields(s.group)
	s.names = s.names[:0]
	for i, k := range s.keys {
		s.names = append(s.names, string(feast.NewKeys(s.group, feast.V3, project).Append(nil, k)))
		if err := c.Do(context.Background(), feastRow(c.B(), s.group, s.names[i], fields, int64(i), len(s.group.Columns))).Error(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) end() {
	if c.Client != nil {
		c.Close()
	}
	for _, n := range c.nodes {
		n.end()
	}
}

// move moves the slots of the next keys to the next node, with all that is in them, as a resharding does. Between its steps readers meet
// ASK, TRYAGAIN and MOVED.
func (c *cluster) move(names []string) error {
	for range movedKeys {
		name := names[c.moved%len(names)]
		c.moved++
		slot, err := c.nodes[0].ask("CLUSTER", "KEYSLOT", name).AsInt64()
		if err != nil {
			return err
		}
		from, there := c.owners[slot]
		if !there {
			for from < clusterNodes-1 && slot >= int64(firstSlot(from+1)) {
				from++
			}
		}
		to := (from + 1) % clusterNodes
		if err := c.moveSlot(fmt.Sprint(slot), from, to); err != nil {
			return err
		}
		c.owners[slot] = to
	}
	return nil
}

func (c *cluster) moveSlot(slot string, from, to int) error {
	if err := c.agree(); err != nil {
		return err
	}
	host, port, _ := strings.Cut(c.nodes[to].addr, ":")
	err := errors.Join(c.nodes[to].ask("CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from]).Error(), c.nodes[from].ask("CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to]).Error())
	if err != nil {
		return err
	}
	keys, err := c.nodes[from].ask("CLUSTER", "GETKEYSINSLOT", slot, "1000").AsStrSlice()
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.nodes[from].ask("MIGRATE", host, port, key, "0", "5000").Error(); err != nil {
			return err
		}
	}
	// The new owner is told first, then the old one, and the third, which would hear of it from them too.
	for _, node := range []int{to, from, clusterNodes - to - from} {
		if err := c.nodes[node].ask("CLUSTER", "SETSLOT", slot, "NODE", c.ids[to]).Error(); err != nil {
			return err
		}
	}
	return nil
}

// writeSettings names the store in settings of a gateway.
func (st *storage) writeSettings(dir string) (path string, err error) {
	path = filepath.Join(dir, "sluice.yaml")
	return path, os.WriteFile(path, fmt.Appendf(nil, "feature_stores:\n  - {name: hot, %s}\n", st.settings), 0o600)
}
