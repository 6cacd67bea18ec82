package redis

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/redis/rueidis"
)

// Who waits for a batch, or does not any more.
const (
	awaited int32 = iota
	answered
	abandoned
)

// batch is a chunk on its way: the commands for some keys of a read, and then their replies. The reader that made it owns it
// until it is sent and again once it is answered; a reader that leaves first has abandoned it to the goroutine that waits for it.
type batch struct {
	lane   *lane
	node   *node
	client rueidis.Client // the node's
	turn   turn

	index    []int // of the keys in the read
	bytes    []byte
	strings  []string
	commands []rueidis.Completed
	replies  []rueidis.RedisResult
	one      [1]rueidis.RedisResult // of a batch of one command
	cut      bool                   // a command got no reply
	scratch  []byte                 // of decoders

	state atomic.Int32
	done  chan struct{}
}

var batches sync.Pool // of *batch

// newBatch begins a batch on a lane; it ends with send, or with release.
func newBatch(l *lane) (*batch, error) {
	n, err := l.enter()
	if err != nil {
		return nil, err
	}
	b, kept := batches.Get().(*batch)
	if !kept {
		b = &batch{done: make(chan struct{}, 1)} // of one: whoever has answered does not wait for the reader
	}
	b.lane, b.node, b.client = l, n, *n.client.Load()
	b.state.Store(awaited)
	return b, nil
}

// since is the string of the bytes that were added from a place on. It is good as long as the batch.
func (b *batch) since(from int) string {
	if from == len(b.bytes) {
		return ""
	}
	return unsafe.String(&b.bytes[from], len(b.bytes)-from) // where the bytes move, the old ones stay for this string
}

// send sends the commands and waits for the replies, under no deadline: the connection has its own. A batch that is alone goes by
// the direct connection. Where that fails, but for a server that is silent, the others may not.
func (b *batch) send() {
	direct := b.node.direct != nil && b.lane.chunks.Load() == 1 && b.node.take()
	if direct {
		b.ask(b.node.direct)
		b.node.giveBack(!b.cut)
	}
	if !direct || b.cut && !errors.Is(b.replies[0].NonRedisError(), os.ErrDeadlineExceeded) {
		b.ask(b.client)
	}
	if b.cut {
		b.lane.avoid(b.node)
	}
	b.lane.leave()
	if b.state.CompareAndSwap(awaited, answered) {
		b.done <- struct{}{}
		return
	}
	b.release()
}

// ask sends the commands by a client.
func (b *batch) ask(client rueidis.Client) {
	if len(b.commands) == 1 {
		b.one[0] = client.Do(context.Background(), b.commands[0])
		b.replies = b.one[:]
	} else {
		b.replies = client.DoMulti(context.Background(), b.commands...)
	}
	b.cut = slices.ContainsFunc(b.replies, func(r rueidis.RedisResult) bool { return r.NonRedisError() != nil })
}

// wait waits for the replies, and tells whether the batch is the caller's again.
func (b *batch) wait(ctx context.Context) bool {
	select {
	case <-b.done:
		return true
	case <-ctx.Done():
	}
	if b.state.CompareAndSwap(awaited, abandoned) {
		return false
	}
	<-b.done
	return true
}

// release keeps the batch's memory for another, unless rueidis may still read it.
func (b *batch) release() {
	if b.cut {
		return
	}
	b.lane, b.node, b.client, b.turn, b.replies = nil, nil, nil, turn{}, nil
	b.one[0] = rueidis.RedisResult{}
	clear(b.strings)
	clear(b.commands)
	b.index, b.bytes, b.strings, b.commands = b.index[:0], b.bytes[:0], b.strings[:0], b.commands[:0]
	if cap(b.bytes)+cap(b.scratch) <= maxKept {
		batches.Put(b)
	}
}

// maxKept is the most bytes that a batch keeps.
const maxKept = 1 << 20
