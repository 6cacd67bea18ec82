package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sluice/features/store"
)

// query is how the rows of a group are asked for, and what is done with the answer.
type query struct {
	name string // the group's
	// text is the statement: $1 is the keys. The first column of its answer is the key; there are columns of them.
	text    string
	columns int
	// replica is the same for the nearest replica of CockroachDB; "" if the rows must be newer.
	replica string
	// names is $2, if there is one.
	names []byte
	// single says that one row of the answer is all that there is of a key.
	single bool
	// time is the column that must be a timestamp, if it is not 0: other types would be read as times that they are not.
	time int
	// put takes a row of the answer. Its error means that the rest of the chunk cannot be relied on either.
	put func(into *store.Rows, key int, fields [][]byte) error
}

// reading is one call of Read, and what goes on when the caller has left. It is used again when the last who holds it lets go.
type reading struct {
	store  *Store
	query  *query
	cancel context.CancelFunc
	limit  time.Time
	chunk  int // keys

	keys  []byte
	ends  []int32
	order []int32 // of keys, by their bytes

	askers  []asker
	next    atomic.Int32
	running atomic.Int32
	holders atomic.Int32
	ended   chan struct{} // takes one value, from the last who runs

	mu struct {
		sync.Mutex
		into *store.Rows // nil once the caller has left
		done int         // keys that are complete
		err  error       // the first
	}
}

// asker is what one goroutine needs that asks for chunks.
type asker struct {
	array  []byte
	params [2][]byte
	// text sets the server's limit to ms.
	text string
	ms   int64
}

func (s *Store) budget(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return s.o.Limit
}

// read reads rows in chunks, some at a time, and waits for them as long as the context lives.
func (s *Store) read(ctx context.Context, q *query, appendKey func([]byte, store.Key) []byte, keys []store.Key, into *store.Rows) error {
	budget := s.budget(ctx)
	if budget <= 0 {
		return context.DeadlineExceeded
	}
	if len(keys) == 0 {
		return nil
	}
	if !s.enter() {
		return errClosed
	}
	r, ok := s.free.Get().(*reading)
	if !ok {
		r = &reading{store: s, ended: make(chan struct{}, 1)}
	}
	r.query, r.mu.into, r.mu.done, r.mu.err = q, into, 0, nil
	r.sort(keys, appendKey)
	chunks := (len(keys) + s.o.ChunkKeys - 1) / s.o.ChunkKeys
	r.chunk = (len(keys) + chunks - 1) / chunks
	n := min(chunks, s.o.Parallel)
	r.askers = slices.Grow(r.askers[:0], n)[:n]
	r.next.Store(0)
	r.running.Store(int32(n))
	r.holders.Store(int32(n) + 1)
	r.limit = time.Now().Add(budget)
	var behind context.Context
	behind, r.cancel = context.WithTimeout(s.base, 2*budget)
	for i := range r.askers {
		go r.work(ctx, behind, &r.askers[i]) // ends by its limits; Close waits for it
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
	return r.leave(ctx)
}

// leave ends the caller's part: nobody writes into its rows any more.
func (r *reading) leave(ctx context.Context) error {
	r.mu.Lock()
	r.mu.into = nil
	err, short := r.mu.err, r.mu.done < len(r.order)
	r.mu.Unlock()
	name := r.query.name
	r.release()
	switch {
	case err != nil && timedOut(err):
		return fmt.Errorf("group %q was not read within its budget: %w", name, context.DeadlineExceeded)
	case err != nil:
		return fmt.Errorf("cannot read group %q: %w", name, err)
	case short:
		return ctx.Err()
	}
	return nil
}

// release lets go of the reading.
func (r *reading) release() {
	if r.holders.Add(-1) > 0 {
		return
	}
	r.cancel()
	select {
	case <-r.ended:
	default:
	}
	s := r.store
	r.query, r.cancel = nil, nil
	s.free.Put(r)
	s.busy.Done()
}

// sort writes the keys as the store has them, and puts them in order: the server then walks its index in one direction.
func (r *reading) sort(keys []store.Key, appendKey func([]byte, store.Key) []byte) {
	r.keys, r.ends, r.order = r.keys[:0], append(r.ends[:0], 0), r.order[:0]
	for i, k := range keys {
		r.keys = appendKey(r.keys, k)
		r.ends = append(r.ends, int32(len(r.keys)))
		r.order = append(r.order, int32(i))
	}
	slices.SortFunc(r.order, func(a, b int32) int { return bytes.Compare(r.key(a), r.key(b)) })
}

func (r *reading) key(i int32) []byte { return r.keys[r.ends[i]:r.ends[i+1]] }

// find is the index of a key among those of a chunk; -1 if it is none of them.
func (r *reading) find(key []byte, from, to int) int {
	for from < to {
		mid := (from + to) / 2
		switch i := r.order[mid]; bytes.Compare(r.key(i), key) {
		case 0:
			return int(i)
		case -1:
			from = mid + 1
		default:
			to = mid
		}
	}
	return -1
}

// wanted tells whether the caller still waits.
func (r *reading) wanted(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.into != nil
}

// work asks for chunks until there are none left.
func (r *reading) work(ctx, behind context.Context, a *asker) {
	for r.wanted(ctx) {
		from := int(r.next.Add(1)-1) * r.chunk
		if from >= len(r.order) {
			break
		}
		if err := r.ask(ctx, behind, a, from, min(from+r.chunk, len(r.order))); err != nil {
			r.fail(err)
			break
		}
	}
	if r.running.Add(-1) == 0 {
		r.ended <- struct{}{}
	}
	r.release()
}

func (r *reading) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.err == nil {
		r.mu.err = err
	}
}

// ask asks for one chunk: again, where the server asks for that, and on another connection where one turns out to be dead.
func (r *reading) ask(ctx, behind context.Context, a *asker, from, to int) error {
	for dead := 0; ; {
		conn, err := r.store.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		err = r.exchange(behind, conn.Conn().PgConn(), a, from, to)
		lost := conn.Conn().IsClosed()
		conn.Release()
		if err == nil {
			r.complete(from, to)
			return nil
		}
		if lost {
			dead++
		}
		if !lost && !isState(err, sqlRepeat) || dead > r.store.o.Conns || behind.Err() != nil || !r.wanted(ctx) {
			return err
		}
	}
}

// complete marks the rows of a chunk: the server has said all that it has of them.
func (r *reading) complete(from, to int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.into == nil {
		return
	}
	for _, i := range r.order[from:to] {
		r.mu.into.Done(int(i))
	}
	r.mu.done += to - from
}

// row takes a row of the answer, while the caller waits.
func (r *reading) row(fields [][]byte, from, to int) error {
	if len(fields) != r.query.columns {
		return fmt.Errorf("the answer has %d columns instead of %d", len(fields), r.query.columns)
	}
	i := r.find(fields[0], from, to)
	if i < 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.into == nil {
		return nil
	}
	err := r.query.put(r.mu.into, i, fields)
	if err == nil && r.query.single {
		r.mu.into.Done(i)
	}
	return err
}

// limitText is the statement that sets the server's limit to what is left of the budget.
func (r *reading) limitText(a *asker) string {
	ms := max(1, (time.Until(r.limit) + time.Millisecond - 1).Milliseconds())
	if ms != a.ms || a.text == "" {
		a.ms, a.text = ms, "set local statement_timeout = "+strconv.FormatInt(ms, 10)
	}
	return a.text
}

// The states of SQL that are decided on.
const (
	sqlCanceled  = "57014"
	sqlRepeat    = "40001"
	sqlUndefined = "42P01"
)

func isState(err error, state string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == state
}

func timedOut(err error) bool {
	return isState(err, sqlCanceled) || errors.Is(err, context.DeadlineExceeded)
}
