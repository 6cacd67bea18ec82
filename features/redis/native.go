package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/native"
	"sluice/features/store"
)

// nativeView reads a group of the native layout: a string for each entity, under the generation's prefix.
type nativeView struct {
	s       *Store
	lane    *lane
	view    *view
	decoder *native.Decoder

	// missing is the schema that the store did not have when it was last asked for one.
	missing struct {
		sync.Mutex
		schema uint32
		until  time.Time
	}
}

var (
	_ store.Lingerer = (*nativeView)(nil)
	_ asker          = (*nativeView)(nil)
)

func (s *Store) newNative(g *store.Group) (*nativeView, error) {
	if err := native.CheckName(g.View); err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	d, err := native.NewDecoder(g)
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	return &nativeView{s: s, lane: s.lane(g), view: s.views.watch(s, g.View), decoder: d}, nil
}

// Generation is the visible one; 0 if it is not known yet, or there is none.
func (r *nativeView) Generation() uint64 { return r.view.visible.Load() }

// Read reads the rows of keys in a generation.
func (r *nativeView) Read(ctx context.Context, generation uint64, keys []store.Key, into *store.Rows) error {
	return r.read(ctx, turn{generation: generation}, keys, into)
}

// ReadOn is Read for those who may leave it.
func (r *nativeView) ReadOn(ctx context.Context, generation uint64, keys []store.Key, into *store.Rows) error {
	return r.read(ctx, turn{generation: generation, on: true}, keys, into)
}

func (r *nativeView) read(ctx context.Context, t turn, keys []store.Key, into *store.Rows) error {
	if t.generation == 0 {
		return *r.view.failure.Load()
	}
	return r.s.read(ctx, r.lane, r, t, keys, into)
}

// ask asks a server by one MGET, for which a key of another kind is one that is not there. The keys of a cluster lie in many
// slots, and each has a GET.
func (r *nativeView) ask(b *batch, keys []store.Key) {
	from := 0
	b.bytes = native.AppendRowPrefix(b.bytes, r.view.name, b.turn.generation)
	prefix := len(b.bytes)
	for n, i := range b.index {
		if n > 0 {
			from = len(b.bytes)
			b.bytes = append(b.bytes, b.bytes[:prefix]...)
		}
		b.bytes = append(b.bytes, keys[i]...)
		b.strings = append(b.strings, b.since(from))
	}
	if !r.s.o.Cluster {
		b.commands = append(b.commands, b.client.B().Mget().Key(b.strings...).Build())
		return
	}
	for _, key := range b.strings {
		b.commands = append(b.commands, b.client.B().Get().Key(key).Build())
	}
}

// take ends at the first row that fails: its schema cannot be had, and others would ask for it in vain.
func (r *nativeView) take(ctx context.Context, b *batch, into *store.Rows) error {
	if r.s.o.Cluster {
		return r.takeEach(ctx, b, into)
	}
	values, err := b.replies[0].ToArray()
	if err != nil {
		return err
	}
	if len(values) != len(b.index) {
		return errReply
	}
	for i, key := range b.index {
		if err := r.row(ctx, &values[i], key, into); err != nil {
			return err
		}
	}
	return nil
}

// takeEach is take for replies of GET. A key may fail that is on another server than the next.
func (r *nativeView) takeEach(ctx context.Context, b *batch, into *store.Rows) (failure error) {
	for i, key := range b.index {
		value, err := b.replies[i].ToMessage()
		if err != nil && !value.IsNil() {
			if err = failed(err, key, into); err != nil {
				failure = err
			}
			continue
		}
		if err := r.row(ctx, &value, key, into); err != nil {
			return err
		}
	}
	return failure
}

// row decodes the row of a key. One that is not there is missing. One whose schema the store does not have cannot be used.
func (r *nativeView) row(ctx context.Context, m *rueidis.RedisMessage, key int, into *store.Rows) error {
	if m.IsNil() {
		into.Done(key)
		return nil
	}
	value, err := m.AsBytes()
	if err != nil {
		return err
	}
	if r.decoder.Take(into, key, value) == nil {
		into.Done(key)
		return nil
	}
	schema, _, _ := native.Header(value)
	known, err := r.learn(ctx, schema)
	if err != nil {
		return err
	}
	if !known || r.decoder.Take(into, key, value) != nil {
		into.SetRowWrong(key)
	}
	into.Done(key)
	return nil
}

// pardon is for how long a schema that the store does not have is not asked for again.
const pardon = time.Second

// learn fetches the record of a schema.
func (r *nativeView) learn(ctx context.Context, schema uint32) (known bool, err error) {
	r.missing.Lock()
	lately := r.missing.schema == schema && time.Now().Before(r.missing.until)
	r.missing.Unlock()
	if lately {
		return false, nil
	}
	b, err := newBatch(r.lane)
	if err != nil {
		return false, err
	}
	b.commands = append(b.commands, b.client.B().Get().Key(native.SchemaName(r.view.name, schema)).Build())
	b.lane.senders.Run(b)
	if !b.wait(ctx) {
		return false, ctx.Err()
	}
	defer b.release()
	record, err := b.replies[0].AsBytes()
	if err != nil && !rueidis.IsRedisNil(err) {
		return false, err
	}
	s, err := native.ParseSchema(record)
	if err != nil || s.Hash() != schema { // none, or none that can be read
		r.missing.Lock()
		r.missing.schema, r.missing.until = schema, time.Now().Add(pardon)
		r.missing.Unlock()
		return false, nil
	}
	if err := r.decoder.Learn(s); err != nil {
		return false, err
	}
	return true, nil
}
