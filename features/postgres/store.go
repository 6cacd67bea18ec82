package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"sluice/features/store"
)

// Store reads groups from one server.
type Store struct {
	o    Options
	pool *pgxpool.Pool
	// base is what statements run under once their readers have left; cancel ends all of them.
	base   context.Context //nolint:containedctx // it lives as long as the store
	cancel context.CancelFunc
	busy   sync.WaitGroup // reads, and what watches the generations
	free   sync.Pool      // of *reading

	generations generations

	mu struct {
		sync.Mutex
		closed bool
	}
}

var _ store.Store = (*Store)(nil)

// New makes a store. It connects in the background, and goes on trying.
func New(o Options) (*Store, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	c, err := o.poolConfig()
	if err != nil {
		return nil, err
	}
	s := &Store{o: o}
	s.base, s.cancel = context.WithCancel(context.Background())
	c.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error { return s.o.password(c) }
	c.AfterConnect = s.learn
	// A connection that has died is found out by the read itself, which takes another one: that costs reads no round trip.
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	c.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: farBehind}
	}
	if s.pool, err = pgxpool.NewWithConfig(s.base, c); err != nil {
		s.cancel()
		return nil, fmt.Errorf("cannot use the store's url: %w", err)
	}
	if o.Layout == Native {
		s.generations.begin()
		s.busy.Go(func() { s.watch(s.base) })
	}
	return s, nil
}

// cockroach is the key of what learn has found.
const cockroach = "cockroach"

// learn finds out what the server of a new connection can do.
func (s *Store) learn(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	pg := conn.PgConn()
	isCockroach := pg.ParameterStatus("crdb_version") != ""
	if !isCockroach { // a pooler between does not pass the parameter on
		var version string
		if err := conn.QueryRow(ctx, "select version()").Scan(&version); err != nil {
			return err
		}
		isCockroach = strings.HasPrefix(version, "CockroachDB")
	}
	if !isCockroach {
		return nil
	}
	pg.CustomData()[cockroach] = true
	if s.o.RoleLimit {
		return nil
	}
	_, err := conn.Exec(ctx, fmt.Sprintf("set statement_timeout = %d", s.o.Limit.Milliseconds()))
	return err
}

var errClosed = errors.New("the PostgreSQL store is closed")

// enter counts a read, so that Close waits for it.
func (s *Store) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.busy.Add(1)
	return true
}

// Reader prepares the reads of a group.
func (s *Store) Reader(g *store.Group) (store.Reader, error) {
	if s.o.Layout == Native {
		return s.nativeReader(g)
	}
	return s.feastReader(g)
}

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	if !s.enter() {
		return errClosed
	}
	done := make(chan error, 1)
	limit, cancel := context.WithTimeout(s.base, 2*s.budget(ctx))
	go func() { // ends by its limit: the connection must not be closed because somebody stopped waiting
		defer s.busy.Done()
		defer cancel()
		conn, err := s.pool.Acquire(ctx)
		if err == nil {
			err = conn.Ping(limit)
			conn.Release()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close waits for reads that are under way, and for the statements that reads have left behind: at most twice the longest
// budget and five seconds.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if s.o.Layout == Native {
		s.generations.end()
	}
	s.busy.Wait()
	s.cancel()
	s.pool.Close()
	return nil
}
