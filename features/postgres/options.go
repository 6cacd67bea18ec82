package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sluice/features/feast"
)

// Layout is how the tables of a store are made.
type Layout uint8

// The layouts.
const (
	// Feast is the table {project}_{view} that Feast writes, with a row per feature.
	Feast Layout = iota
	// Native is a row per entity, in generations.
	Native
)

// Options of a store. URL is required; for the others the zero value is the default.
type Options struct {
	// URL names the server and the database, as postgres://… or as key=value.
	URL string
	// Password is asked for at each new connection, if it is set; it replaces that of the URL.
	Password func() (string, error)
	// Schema has the tables. Default: public.
	Schema string
	Layout Layout
	// Project is Feast's, Keys how it writes the keys of entities. Both are of no use to the native layout.
	Project string
	Keys    feast.KeyLayout
	// Conns is how many connections there are, no more and no fewer. Default: two a core.
	Conns int
	// ChunkKeys is the most keys that one statement asks for. Default: 50.
	ChunkKeys int
	// Parallel is the most chunks of one read that are asked for at a time. Default: 4.
	Parallel int
	// RoleLimit leaves out the transaction that limits each statement: the role has a statement_timeout of its own.
	RoleLimit bool
	// Limit is the budget of reads whose context has no deadline, and the longest that a session on CockroachDB lets a
	// statement run. Default: 1 s.
	Limit time.Duration
	// Poll is how often the visible generations are asked for. Default: 1 s.
	Poll time.Duration
}

// URL is that of a server, or of one of several that are tried in their order: hosts are host:port. Empty words are left out. With
// encrypt the connection is TLS, and the server's certificate is checked; without, it is not encrypted.
func URL(hosts []string, database, user string, encrypt bool) string {
	u := url.URL{Scheme: "postgres", Host: strings.Join(hosts, ","), Path: "/" + database, RawQuery: "sslmode=disable"}
	if user != "" {
		u.User = url.User(user)
	}
	if encrypt {
		u.RawQuery = "sslmode=verify-full"
	}
	return u.String()
}

const (
	connectLimit = 2 * time.Second
	farBehind    = 5 * time.Second // after a cancel request, until a connection without an answer is given up
	replicaAge   = 5 * time.Second // what the nearest replica of CockroachDB may be behind, and a little more
	mostChunk    = 10_000
)

// complete fills in the defaults and says what is wrong.
func (o Options) complete() (Options, error) {
	if o.URL == "" {
		return o, errors.New("a PostgreSQL store has a url")
	}
	if o.Schema == "" {
		o.Schema = "public"
	}
	if o.Conns == 0 {
		o.Conns = 2 * runtime.GOMAXPROCS(0)
	}
	if o.ChunkKeys == 0 {
		o.ChunkKeys = 50
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Limit == 0 {
		o.Limit = time.Second
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Conns < 1 || o.ChunkKeys < 1 || o.ChunkKeys > mostChunk || o.Parallel < 1 || o.Limit < time.Millisecond || o.Poll < time.Millisecond {
		return o, fmt.Errorf("a PostgreSQL store takes at least one connection and one chunk at a time, chunks of 1 to %d keys, and limits of 1 ms or more", mostChunk)
	}
	if _, err := quoted(o.Schema); err != nil {
		return o, fmt.Errorf("schema: %w", err)
	}
	o.Parallel = min(o.Parallel, o.Conns)
	return o, nil
}

// identifier is what names of schemas and tables may be. The server cuts longer ones, and would then read another table.
var identifier = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

// quoted is a name as a statement has it.
func quoted(name string) (string, error) {
	if !identifier.MatchString(name) {
		return "", fmt.Errorf("%q is no name of a table or schema here: those have up to 63 letters, digits, _, - and ., and neither - nor . in front", name)
	}
	return `"` + name + `"`, nil
}

// table is a table's name as a statement has it.
func (o *Options) table(name string) (string, error) {
	t, err := quoted(name)
	if err != nil {
		return "", err
	}
	return `"` + o.Schema + `".` + t, nil
}

// connConfig is what the connections of stores and writers have in common: they prepare nothing under a name.
func (o *Options) connConfig(c *pgx.ConnConfig) {
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectLimit
	}
}

// password sets the password that is valid now.
func (o *Options) password(c *pgx.ConnConfig) error {
	if o.Password == nil {
		return nil
	}
	p, err := o.Password()
	if err != nil {
		return fmt.Errorf("cannot have the store's password: %w", err)
	}
	c.Password = p
	return nil
}

func (o *Options) poolConfig() (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("cannot use the store's url: %w", err)
	}
	o.connConfig(c.ConnConfig)
	c.MaxConns, c.MinConns = int32(o.Conns), int32(o.Conns)
	c.MaxConnLifetimeJitter = c.MaxConnLifetime / 10
	c.HealthCheckPeriod = farBehind
	return c, nil
}
