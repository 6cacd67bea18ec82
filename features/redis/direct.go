package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// idleLimit is how long the direct connection may be idle: it is not probed, and what stands between forgets it some minutes later.
const idleLimit = time.Minute

var errNoPipeline = errors.New("this client has no pipeline")

// newDirect makes a client of one connection, which is made when it is needed. Whoever sends a command writes it and reads the
// reply himself. On a pipeline another goroutine writes and yet another reads, which costs a read that is alone a tenth of its time;
// where there are many, one write carries the commands of several.
func newDirect(option rueidis.ClientOption) rueidis.Client {
	option.AlwaysPipelining, option.DisableAutoPipelining = false, true
	option.BlockingPoolSize, option.BlockingPoolCleanup = 1, idleLimit
	dial, made := option.DialCtxFn, false
	option.DialCtxFn = func(ctx context.Context, address string, d *net.Dialer, secure *tls.Config) (net.Conn, error) {
		if !made {
			return nil, errNoPipeline
		}
		return dial(ctx, address, d, secure)
	}
	client, _ := rueidis.NewClient(option) // it wants a connection for pipelines first, and lives without
	made = true
	return client
}

// take takes the direct connection, unless another has it.
func (n *node) take() bool { return n.taken.CompareAndSwap(false, true) }

// giveBack gives it back; one that has failed is nobody's for a while.
func (n *node) giveBack(good bool) {
	if good {
		n.taken.Store(false)
		return
	}
	time.AfterFunc(avoidFor, func() { n.taken.Store(false) })
}
