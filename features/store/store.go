package store

import "context"

// Store is a place that features are read from. Its methods may be called by many goroutines at a time.
type Store interface {
	// Reader prepares the reads of a group. Its error says what in the settings is wrong, such as two features whose
	// names have one hash; it does no I/O, since a gateway starts while its stores are down.
	Reader(g *Group) (Reader, error)
	// Ping asks for a sign of life.
	Ping(ctx context.Context) error
	// Close waits for reads that are under way.
	Close() error
}

// Reader reads rows of one group.
type Reader interface {
	// Generation is the one that is to be read now, for stores that replace all rows at once; 0 for others. It costs
	// next to nothing.
	Generation() uint64
	// Read reads the rows of keys, of which none is there twice, into the rows of the same numbers; it does not change the keys. A
	// row is Done as soon as it is complete, also if the store has none of it, and is not touched afterwards: a request
	// that leaves before Read returns takes it. When the context ends, or an error comes, others are not. The rows that are not
	// Done are the reader's until it returns, and it returns soon after the context has ended.
	Read(ctx context.Context, generation uint64, keys []Key, into *Rows) error
}

// Lingerer is a Reader for callers that can leave a read behind without being told.
type Lingerer interface {
	Reader
	// ReadOn is Read, but it returns only when the store has answered or has given up, which may be long after the context has
	// ended. Until then the keys and the rows are its own, but for rows that are Done. It saves what Read needs to be left: a
	// second goroutine, and two switches between them. The store bounds how many of its reads are behind.
	ReadOn(ctx context.Context, generation uint64, keys []Key, into *Rows) error
}
