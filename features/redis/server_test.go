package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// plain is a server that knows next to no command, and notes those that it was asked.
type plain struct {
	*server.Server
	mu    sync.Mutex
	asked map[string]int
}

func newPlain(t *testing.T, hashes map[string]map[string]string) *plain {
	t.Helper()
	s, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	p := &plain{Server: s, asked: map[string]int{}}
	s.SetPreHook(func(_ *server.Peer, cmd string, _ ...string) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked[cmd]++
		return false
	})
	know := func(cmd string, do server.Cmd) {
		if err := s.Register(cmd, do); err != nil {
			t.Fatal(err)
		}
	}
	know("PING", func(c *server.Peer, _ string, _ []string) { c.WriteInline("PONG") })
	know("HMGET", func(c *server.Peer, _ string, args []string) {
		c.WriteLen(len(args) - 1)
		for _, field := range args[1:] {
			if value, ok := hashes[args[0]][field]; ok {
				c.WriteBulk(value)
			} else {
				c.WriteNull()
			}
		}
	})
	return p
}

func TestServerThatKnowsLittle(t *testing.T) {
	p := newPlain(t, map[string]map[string]string{"user:1": {"a": "4"}})
	s := open(t, named(p.Addr().String()))
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	var rows store.Rows
	for range 3 * every {
		rows.Reset(g, 2)
		if err := r.Read(patient(t), 0, ids(1, 2), &rows); err != nil || !slices.Equal(numbers(&rows, 0), []float64{4}) || !rows.IsDone(1) {
			t.Fatal(err, numbers(&rows, 0))
		}
	}
	if err := s.Ping(patient(t)); err != nil {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked["HGETALL"] != 0 || p.asked["HLEN"] == 0 || p.asked["CLIENT"] != 0 {
		t.Error(p.asked)
	}
}

func TestReplicasAreRead(t *testing.T) {
	primary, replica := mini(t), mini(t)
	primary.HSet("user:1", "a", "1")
	replica.HSet("user:1", "a", "2")
	o := named(primary.Addr())
	o.ReadReplicas, o.Replicas = true, []string{replica.Addr()}
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	var rows store.Rows
	rows.Reset(g, 1)
	if err := reader(t, s, g).Read(patient(t), 0, ids(1), &rows); err != nil || numbers(&rows, 0)[0] != 2 {
		t.Error(err, numbers(&rows, 0))
	}
}

// TestReplicasMayBeAway has a replica that is not there at the start, comes, and goes again: each read is answered.
func TestReplicasMayBeAway(t *testing.T) {
	away := mini(t)
	address := away.Addr()
	away.Close()
	primary := mini(t)
	primary.HSet("user:1", "a", "1")
	o := named(primary.Addr())
	o.ReadReplicas, o.Replicas = true, []string{address}
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	value := func() float64 {
		t.Helper()
		var rows store.Rows
		rows.Reset(g, 1)
		if err := r.Read(patient(t), 0, ids(1), &rows); err != nil {
			t.Fatal(err)
		}
		return numbers(&rows, 0)[0]
	}
	if v := value(); v != 1 {
		t.Errorf("without a replica the value is %v", v)
	}
	replica := miniredis.NewMiniRedis()
	t.Cleanup(replica.Close)
	replica.HSet("user:1", "a", "2")
	if err := replica.StartAddr(address); err != nil {
		t.Skip("another process has taken the port:", err)
	}
	until(t, "the replica", func() bool { return value() == 2 })
	replica.SetError("LOADING Redis is loading the dataset in memory")
	if v := value(); v != 1 {
		t.Errorf("while the replica loads the value is %v", v)
	}
	replica.SetError("")
	until(t, "the replica", func() bool { return value() == 2 })
	replica.Close()
	for range 10 {
		if v := value(); v != 1 {
			t.Errorf("when the replica is gone the value is %v", v)
		}
	}
}

func TestWideRowsHaveTheirOwnConnection(t *testing.T) {
	m := mini(t)
	wide := group(t, "v", byID, store.Column{Name: "a", Type: tensor.FP32, Width: wideRow / 4})
	list := make([]float32, wideRow/4)
	list[7] = 7
	m.HSet("user:1", "a", string(floats(list...)))
	o := named(m.Addr())
	o.Hashes = map[string]Hash{"": {Key: "user:{id}", Value: F32LE}}
	s := open(t, o)
	if reader(t, s, group(t, "v", byID, float("a"))).(*hashes).lane != s.narrow {
		t.Error("a narrow group is read from elsewhere")
	}
	r := reader(t, s, wide)
	if _, err := s.wide.wait(patient(t)); err != nil {
		t.Fatal(err)
	}
	var rows store.Rows
	rows.Reset(wide, 1)
	if err := r.Read(patient(t), 0, ids(1), &rows); err != nil || numbers(&rows, 0)[7] != 7 || r.(*hashes).lane != s.wide {
		t.Error(err)
	}
}

// TestSilentConnection has a server say nothing for longer than the store's timeout.
func TestSilentConnection(t *testing.T) {
	m := mini(t)
	m.HSet("user:1", "a", "1")
	p := newProxy(t, m.Addr())
	o := named(p.Addr().String())
	o.Timeout, o.Dial = 20*time.Millisecond, 20*time.Millisecond
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	p.hold()
	var rows store.Rows
	rows.Reset(g, 1)
	if err := r.Read(patient(t), 0, ids(1), &rows); err == nil || patient(t).Err() != nil {
		t.Error("a connection that is silent is waited for:", err)
	}
	p.flow()
	ctx := patient(t)
	until(t, "another connection", func() bool { return r.Read(ctx, 0, ids(1), &rows) == nil })
	if numbers(&rows, 0)[0] != 1 {
		t.Error(numbers(&rows, 0))
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	m := miniredis.NewMiniRedis()
	if err := m.StartTLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.HSet("user:1", "a", "1")
	o := named(m.Addr())
	o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	var rows store.Rows
	rows.Reset(g, 1)
	if err := reader(t, s, g).Read(patient(t), 0, ids(1), &rows); err != nil || numbers(&rows, 0)[0] != 1 {
		t.Error(err, numbers(&rows, 0))
	}
}
