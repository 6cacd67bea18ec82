package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"sluice/features/store"
)

// asker makes the commands of a batch and decodes what they bring.
type asker interface {
	// ask appends the commands for the keys of b.index.
	ask(b *batch, keys []store.Key)
	// take decodes the replies into rows. Its error is that of the keys that are not Done then.
	take(ctx context.Context, b *batch, into *store.Rows) error
}

// reading is the batches of a read.
type reading struct {
	batches []*batch
	onward  onward
}

// onward is the context of a read that goes on when its own has ended.
type onward struct{ context.Context }

func (*onward) Done() <-chan struct{} { return nil }

var readings = sync.Pool{New: func() any { return new(reading) }}

// attempts is how often a read is tried whose connections are lost, or whose replica fails: each time on another connection, which
// may be lost as well and nobody has noticed.
const attempts = 3

// read reads keys in chunks. It asks again for those whose connection is lost or whose replica fails.
func (s *Store) read(ctx context.Context, l *lane, a asker, t turn, keys []store.Key, into *store.Rows) error {
	r := readings.Get().(*reading)
	if t.on {
		r.onward.Context = ctx
		ctx = &r.onward
	}
	var err error
	for again, n := true, 0; again && n < attempts; n++ {
		if err = ctx.Err(); err != nil {
			break
		}
		again, err = r.once(ctx, s.o.Chunk, l, a, t, keys, into)
	}
	ended := ctx.Err() != nil
	r.onward.Context = nil
	readings.Put(r)
	if err == nil || ended {
		return err
	}
	return fmt.Errorf("cannot read group %q: %w", into.Group().Name, err)
}

// once asks for the keys that are not Done, and waits. It keeps the first error and goes on, since others may be read;
// again tells whether to try again. A read that is not left sends its last chunk itself.
func (r *reading) once(ctx context.Context, chunk int, l *lane, a asker, t turn, keys []store.Key, into *store.Rows) (again bool, err error) {
	for next := 0; next < len(keys); {
		if into.IsDone(next) {
			next++
			continue
		}
		b, refused := newBatch(l)
		if refused != nil {
			err = refused
			break
		}
		b.turn = t
		for ; next < len(keys) && len(b.index) < chunk; next++ {
			if !into.IsDone(next) {
				b.index = append(b.index, next)
			}
		}
		a.ask(b, keys)
		r.batches = append(r.batches, b)
		if ctx.Done() == nil && next == len(keys) {
			b.send()
		} else {
			b.lane.senders.Run(b)
		}
	}
	for _, b := range r.batches {
		if !b.wait(ctx) {
			err = ctx.Err()
			continue
		}
		if failure := a.take(ctx, b, into); failure != nil {
			again = again || lost(failure) || elsewhere(b, failure)
			if err == nil {
				err = fmt.Errorf("redis %s: %w", l.name, failure)
			}
		}
		b.release()
	}
	clear(r.batches)
	r.batches = r.batches[:0]
	return again, err
}

// lost tells whether an error is that of a connection that was there.
func lost(err error) bool {
	var of *rueidis.RedisError
	if errors.As(err, &of) || errors.Is(err, rueidis.ErrClosing) {
		return false
	}
	var network *net.OpError
	return !errors.As(err, &network) || network.Op != "dial"
}

// elsewhere tells whether another server is to be asked for what this one has refused, or has not answered.
func elsewhere(b *batch, err error) bool {
	var of *rueidis.RedisError
	return (b.cut || errors.As(err, &of)) && b.lane.avoid(b.node)
}

// wrongType is what the reply of a key of another kind begins with.
const wrongType = "WRONGTYPE"

// failed says what the error of a key's reply means: nil if it means that its values are Wrong, which is set.
func failed(err error, key int, into *store.Rows) error {
	var of *rueidis.RedisError
	if !errors.As(err, &of) || !strings.HasPrefix(of.Error(), wrongType) {
		return err
	}
	into.SetRowWrong(key)
	into.Done(key)
	return nil
}
