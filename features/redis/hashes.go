package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/store"
)

// layout is how one group lies in hashes, one hash for an entity.
type layout interface {
	// key appends the key of an entity's hash.
	key(dst []byte, k store.Key) []byte
	// put decodes the value, of at least one byte, of a field of those that the group asks for. scratch is memory that a decoder
	// may use, and may make longer.
	put(into *store.Rows, key, field int, value []byte, scratch *[]byte)
}

// hashes reads a group of one of the layouts of hashes.
type hashes struct {
	s      *Store
	lane   *lane
	layout layout
	fields []string
	at     map[string]int // by field
	choice chooser
}

var (
	_ store.Lingerer = (*hashes)(nil)
	_ asker          = (*hashes)(nil)
)

func (s *Store) newHashes(g *store.Group) (*hashes, error) {
	r := &hashes{s: s, lane: s.lane(g)}
	if s.o.Layout == Feast {
		r.layout, r.fields = newFeast(g, &s.o)
	} else {
		var err error
		if r.layout, r.fields, err = newHash(g, &s.o); err != nil {
			return nil, fmt.Errorf("group %q: %w", g.Name, err)
		}
	}
	r.at = make(map[string]int, len(r.fields))
	for i, f := range r.fields {
		if first, twice := r.at[f]; twice {
			return nil, fmt.Errorf("group %q: features %q and %q are one field of the hash: leave one out, or rename it",
				g.Name, columnName(g, first), columnName(g, i))
		}
		r.at[f] = i
	}
	return r, nil
}

// columnName is the name of what a field holds.
func columnName(g *store.Group, field int) string {
	if field < len(g.Columns) {
		return g.Columns[field].Name
	}
	return "the time"
}

// Generation is 0: hashes are written in place.
func (r *hashes) Generation() uint64 { return 0 }

// Read reads the rows of keys.
func (r *hashes) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	return r.read(ctx, r.choice.next(), keys, into)
}

// ReadOn is Read for those who may leave it.
func (r *hashes) ReadOn(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	t := r.choice.next()
	t.on = true
	return r.read(ctx, t, keys, into)
}

func (r *hashes) read(ctx context.Context, t turn, keys []store.Key, into *store.Rows) error {
	if !t.timed {
		return r.s.read(ctx, r.lane, r, t, keys, into)
	}
	start := time.Now()
	err := r.s.read(ctx, r.lane, r, t, keys, into)
	if err == nil {
		r.choice.note(t, len(keys), time.Since(start))
	}
	return err
}

func (r *hashes) ask(b *batch, keys []store.Key) {
	for _, i := range b.index {
		from := len(b.bytes)
		b.bytes = r.layout.key(b.bytes, keys[i])
		key := b.since(from)
		if b.turn.all {
			b.commands = append(b.commands, b.client.B().Hgetall().Key(key).Build())
		} else {
			b.commands = append(b.commands, b.client.B().Hmget().Key(key).Field(r.fields...).Build())
		}
		b.strings = append(b.strings, key)
	}
	if b.turn.sized {
		for _, key := range b.strings {
			b.commands = append(b.commands, b.client.B().Hlen().Key(key).Build())
		}
	}
}

func (r *hashes) take(_ context.Context, b *batch, into *store.Rows) (err error) {
	largest := 0 // fields of a hash
	for i, key := range b.index {
		values, failure := b.replies[i].ToArray()
		if failure == nil {
			failure = r.row(values, b, key, into)
			largest = max(largest, len(values)/2)
		} else {
			failure = failed(failure, key, into)
		}
		if failure != nil {
			err = failure
		}
	}
	if b.turn.sized {
		largest = 0
		for i := range b.index {
			n, _ := b.replies[len(b.index)+i].ToInt64() // where HLEN is unknown, sizes are, too
			largest = max(largest, int(n))
		}
	}
	if b.turn.all || b.turn.sized {
		r.choice.size(largest)
	}
	return err
}

var errReply = errors.New("a reply has another number of values than a hash has")

// row decodes the hash of a key.
func (r *hashes) row(values []rueidis.RedisMessage, b *batch, key int, into *store.Rows) error {
	if !b.turn.all {
		if len(values) != len(r.fields) {
			return errReply
		}
		for field := range values {
			r.value(&values[field], b, key, field, into)
		}
		into.Done(key)
		return nil
	}
	if len(values)%2 != 0 {
		return errReply
	}
	for i := 0; i < len(values); i += 2 {
		name, _ := values[i].ToString() // what is no text is the name of no field
		if field, wanted := r.at[name]; wanted {
			r.value(&values[i+1], b, key, field, into)
		}
	}
	into.Done(key)
	return nil
}

// value decodes one value. A field that is not there and one without a byte are missing, as Reset has left them.
func (r *hashes) value(m *rueidis.RedisMessage, b *batch, key, field int, into *store.Rows) {
	if !m.IsString() {
		return
	}
	if value, err := m.AsBytes(); err == nil && len(value) > 0 {
		r.layout.put(into, key, field, value, &b.scratch)
	}
}
