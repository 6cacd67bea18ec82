package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/store"
	"sluice/internal/longtest"
	"sluice/internal/servertest"
)

// freePort is one that nobody listens on, and neither on the one of a cluster's bus, which is 10,000 more.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port > 50000 {
			continue
		}
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port+10000)); err == nil {
			l.Close()
			return port
		}
	}
	t.Skip("no two free ports for a node of a cluster")
	return 0
}

// cluster is three masters, and how to talk to each of them.
type cluster struct {
	t         testing.TB
	addresses []string
}

const slots = 16384

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{t: t}
	for range 3 {
		port := freePort(t)
		servertest.StartRedis(t, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
		c.addresses = append(c.addresses, fmt.Sprint("127.0.0.1:", port))
	}
	for i := range c.addresses {
		c.until(i, "PONG", "ping")
		c.must(i, "cluster", "addslotsrange", strconv.Itoa(slots*i/3), strconv.Itoa(slots*(i+1)/3-1))
	}
	for _, other := range c.addresses[1:] {
		host, port, _ := strings.Cut(other, ":")
		c.must(0, "cluster", "meet", host, port)
	}
	for i := range c.addresses {
		c.until(i, "cluster_state:ok", "cluster", "info")
		c.until(i, "cluster_known_nodes:3", "cluster", "info")
	}
	return c
}

// cli asks a node.
func (c *cluster) cli(node int, args ...string) (string, error) {
	_, port, _ := strings.Cut(c.addresses[node], ":")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-p", port}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (c *cluster) must(node int, args ...string) string {
	c.t.Helper()
	out, err := c.cli(node, args...)
	if err != nil || strings.HasPrefix(out, "ERR") {
		c.t.Fatal(args, out, err)
	}
	return out
}

func (c *cluster) until(node int, want string, args ...string) {
	c.t.Helper()
	until(c.t, want, func() bool {
		out, _ := c.cli(node, args...)
		return strings.Contains(out, want)
	})
}

// move moves the slot of a key, with all keys in it, from one node to another, as a resharding does. Between the steps readers
// meet ASK, TRYAGAIN and MOVED.
func (c *cluster) move(key string, from, to int) {
	c.t.Helper()
	slot := c.must(from, "cluster", "keyslot", key)
	ids := []string{c.must(0, "cluster", "myid"), c.must(1, "cluster", "myid"), c.must(2, "cluster", "myid")}
	c.must(to, "cluster", "setslot", slot, "importing", ids[from])
	c.must(from, "cluster", "setslot", slot, "migrating", ids[to])
	host, port, _ := strings.Cut(c.addresses[to], ":")
	for _, key := range strings.Fields(c.must(from, "cluster", "getkeysinslot", slot, "1000")) {
		c.must(from, "migrate", host, port, key, "0", "5000")
	}
	for _, node := range []int{to, from} {
		c.must(node, "cluster", "setslot", slot, "node", ids[to])
	}
}

// TestCluster reads from three masters while a slot moves from one to another and back.
func TestCluster(t *testing.T) {
	longtest.Skip(t)
	c := newCluster(t)
	o := Options{Addresses: c.addresses[:2], Cluster: true, Layout: Hashes, Hashes: map[string]Hash{"": {Key: "user:{id}"}}}
	s := open(t, o)
	const users = 100
	client := *s.narrow.all[0].client.Load()
	var sets []rueidis.Completed
	for i := range users {
		sets = append(sets, client.B().Hset().Key(fmt.Sprint("user:", i)).FieldValue().FieldValue("a", strconv.Itoa(i)).Build())
	}
	for _, reply := range client.DoMulti(patient(t), sets...) {
		if err := reply.Error(); err != nil {
			t.Fatal(err)
		}
	}
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	var keys []store.Key
	for i := range users {
		keys = append(keys, id(int64(i)))
	}
	var stop atomic.Bool
	done := make(chan int)
	go func() {
		var rows store.Rows
		reads := 0
		for ; !stop.Load(); reads++ {
			rows.Reset(g, users)
			if err := r.Read(context.Background(), 0, keys, &rows); err != nil {
				t.Error(err)
				break
			}
			for i := range users {
				if got := numbers(&rows, i); got[0] != float64(i) {
					t.Errorf("user %d has %v", i, got)
				}
			}
		}
		done <- reads
	}()
	owner := -1
	for i := range c.addresses {
		if out := c.must(i, "hget", "user:7", "a"); out == "7" {
			owner = i
		}
	}
	for range 3 {
		c.move("user:7", owner, (owner+1)%3)
		c.move("user:7", (owner+1)%3, owner)
	}
	stop.Store(true)
	if reads := <-done; reads == 0 {
		t.Error("nothing was read meanwhile")
	}
	nativeCluster(t, o)
	if err := s.Ping(patient(t)); err != nil {
		t.Error(err)
	}
}

// nativeCluster loads generations into a cluster and reads them.
func nativeCluster(t *testing.T, o Options) {
	w, err := NewWriter(o, "v")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	w.now = func() time.Time { return now }
	g := group(t, "v", byID, float("a"), float("b"))
	var users []int64
	for i := range int64(600) {
		users = append(users, i)
	}
	for i := range int64(3) {
		loaded(t, w, fmt.Sprint("source ", i), g, written(t, g, i, times(float64(i+1)), users...))
		now = now.Add(time.Minute)
	}
	if err := w.Upsert(patient(t), schemaOf(t, g), written(t, g, 100, times(50), 4)); err != nil {
		t.Error(err)
	}
	o.Layout, o.Poll = Native, time.Millisecond
	s := open(t, o)
	r := reader(t, s, g)
	sees(t, r, 3)
	has(t, r, g, 3, 5, 15, 0.5)
	has(t, r, g, 3, 4, 200, 0.5)
	has(t, r, g, 1, 5, -1, -1)
	var keys []store.Key
	for _, user := range users {
		keys = append(keys, id(user))
	}
	var rows store.Rows
	rows.Reset(g, len(keys))
	if err := errors.Join(r.Read(patient(t), 3, keys, &rows), w.Close()); err != nil || !slices.Equal(numbers(&rows, 599), []float64{599 * 3, 0.5}) {
		t.Error(err, numbers(&rows, 599))
	}
}
