package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/feast"
)

// Layout is how a store keeps features.
type Layout string

// The layouts.
const (
	Feast  Layout = "feast"
	Hashes Layout = "hash"
	Native Layout = "native"
)

// Options are the settings of a store.
type Options struct {
	// Addresses are host:port of the server, or of some of a cluster's nodes; a path is that of a Unix socket.
	Addresses []string
	// Cluster says that the addresses are a cluster's.
	Cluster bool
	// Replicas are the addresses of a server's replicas, of a cluster none: it names its own.
	Replicas []string
	// ReadReplicas sends reads to replicas, which may be behind. The server itself is read from while none of them answers.
	ReadReplicas bool
	User         string
	// Password is asked for each new connection. None: no password.
	Password func() (string, error)
	// TLS, if it is set, is how connections are secured.
	TLS *tls.Config
	// Layout is Feast if it is not set.
	Layout Layout
	// Project and Keys say how Feast's keys are made.
	Project string
	Keys    feast.KeyLayout
	// Hashes describes the views of layout hash, by name; "" describes those that are not named.
	Hashes map[string]Hash
	// Connections is how many there are to each server for groups of narrow rows; if it is 0, two to a single server and one to each
	// of a cluster. It is rounded up to a power of two. Groups of wide rows have one more, so that their long replies delay
	// nobody else, and a single server has one more for reads that are alone.
	Connections int
	// Chunk is the most keys of one pipeline; 256 if it is 0.
	Chunk int
	// Unanswered is the most chunks that may wait for replies; 256 if it is 0.
	Unanswered int
	// Dial is how long a connection may take until it is ready; 1 s if it is 0.
	Dial time.Duration
	// Timeout is how long a connection with commands under way may be silent until it is given up; 2 s if it is 0. It is found
	// out up to a second later.
	Timeout time.Duration
	// Poll is how often the native layout looks for a new generation; 1 s if it is 0.
	Poll time.Duration
}

const (
	maxConnections = 64
	maxUnanswered  = 512
	maxChunk       = 1024
	// wideRow is the bytes of a decoded row from which on a group uses the connection for wide rows.
	wideRow = 2048
	// bufferBytes is that of a connection, in each direction. rueidis's own, of half a MiB, are much for a large cluster.
	bufferBytes = 128 << 10
	// heldScale is the power of two of the pipelines that a connection holds: beyond them the goroutines of chunks wait.
	heldScale = 9
)

// checked fills in defaults and says what is wrong.
func (o Options) checked() (Options, error) {
	o.Layout = cmp.Or(o.Layout, Feast)
	if o.Connections == 0 && !o.Cluster {
		o.Connections = 2
	}
	o.Connections = cmp.Or(o.Connections, 1)
	o.Chunk = cmp.Or(o.Chunk, 256)
	o.Unanswered = cmp.Or(o.Unanswered, 256)
	o.Dial = cmp.Or(o.Dial, time.Second)
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	o.Poll = cmp.Or(o.Poll, time.Second)
	limits := []struct {
		name      string
		value, to int
	}{
		{"connections", o.Connections, maxConnections}, {"chunk", o.Chunk, maxChunk}, {"unanswered", o.Unanswered, maxUnanswered},
	}
	for _, l := range limits {
		if l.value < 1 || l.value > l.to {
			return o, fmt.Errorf("%s of a redis store is %d: it must be 1 to %d", l.name, l.value, l.to)
		}
	}
	switch {
	case len(o.Addresses) == 0:
		return o, errors.New("a redis store has no address")
	case len(o.Addresses) > 1 && !o.Cluster:
		return o, fmt.Errorf("a redis store has %d addresses: it must have one, or be a cluster", len(o.Addresses))
	case o.ReadReplicas && !o.Cluster && len(o.Replicas) == 0:
		return o, errors.New("a redis store reads from replicas and has none: name them, or let it be a cluster")
	case len(o.Replicas) > 0 && (o.Cluster || !o.ReadReplicas):
		return o, errors.New("a redis store names replicas: it must read from replicas, and be no cluster, which names its own")
	case o.Layout != Feast && o.Layout != Hashes && o.Layout != Native:
		return o, fmt.Errorf("layout %q of a redis store: it must be %s, %s or %s", o.Layout, Feast, Hashes, Native)
	}
	for _, d := range []time.Duration{o.Dial, o.Timeout, o.Poll} {
		if d < time.Millisecond {
			return o, fmt.Errorf("a time of a redis store is %s: dial, timeout and poll must be at least 1 ms", d)
		}
	}
	return o, nil
}

// client is rueidis's options for so many connections to a server. Dialling ends with ctx.
func (o *Options) client(ctx context.Context, connections int) rueidis.ClientOption {
	c := rueidis.ClientOption{
		InitAddress:        o.Addresses,
		Dialer:             net.Dialer{Timeout: o.Dial, KeepAlive: min(o.Timeout, time.Second)}, // how often rueidis looks for silence
		ConnWriteTimeout:   o.Timeout,
		TLSConfig:          o.TLS,
		ForceSingleClient:  !o.Cluster, // replicas have clients of their own: rueidis would not start without each of them
		ClientSetInfo:      rueidis.DisableClientSetInfo,
		DisableCache:       true,
		DisableRetry:       true, // it would go on without an end
		AlwaysPipelining:   true, // else a deadline closes the connection
		AlwaysRESP2:        true, // and HGETALL is an array, which needs no map
		ReadBufferEachConn: bufferBytes, WriteBufferEachConn: bufferBytes, RingScaleEachConn: heldScale,
		PipelineMultiplex: bits.Len(uint(connections - 1)),
		ClusterOption:     rueidis.ClusterOption{MaxMovedRedirections: 4},
		DialCtxFn: func(_ context.Context, address string, d *net.Dialer, secure *tls.Config) (net.Conn, error) {
			return dial(ctx, address, d, secure)
		},
	}
	if c.PipelineMultiplex == 0 {
		c.PipelineMultiplex = -1 // 0 would be rueidis's own choice
	}
	if o.Cluster && o.ReadReplicas {
		c.SendToReplicas = func(cmd rueidis.Completed) bool { return cmd.IsReadOnly() }
	}
	if o.Password != nil || o.User != "" {
		c.AuthCredentialsFn = func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) { return o.credentials() }
	}
	return c
}

func (o *Options) credentials() (rueidis.AuthCredentials, error) {
	c := rueidis.AuthCredentials{Username: o.User}
	if o.Password == nil {
		return c, nil
	}
	password, err := o.Password()
	if err != nil {
		return c, fmt.Errorf("cannot read the password of a redis store: %w", err)
	}
	c.Password = password
	return c, nil
}

func dial(ctx context.Context, address string, d *net.Dialer, secure *tls.Config) (net.Conn, error) {
	network, begin := "tcp", d.DialContext
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	if secure != nil {
		begin = (&tls.Dialer{NetDialer: d, Config: secure}).DialContext
	}
	conn, err := begin(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &guard{Conn: conn}, nil
}
