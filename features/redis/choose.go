package redis

import (
	"sync"
	"time"
)

// maxAll is the most fields of a hash that is read whole.
const maxAll = 512

const (
	// every is the number of reads of which one tries the other way, one is timed going the usual way, and one, where the
	// usual way does not tell, asks for the sizes of its hashes.
	every   = 100
	timedAt = every / 2
	sizedAt = every / 4
	// judged is how many tries make a decision.
	judged = 16
	// gain is what the other way must save to be taken: less may be chance.
	gain = 0.1
)

// turn is how one read goes.
type turn struct {
	all   bool // HGETALL, and HMGET else
	timed bool // its time is to be noted
	sized bool // HLEN, too

	generation uint64 // of the native layout

	on bool // it goes on when its context has ended
}

// chooser finds for a group of hashes whether HMGET of the wanted fields or HGETALL is faster, by the time for a key. It begins
// with HMGET. It decides after every 16 tries of the other way, and forgets half of what it knows then, so that it
// follows a load that changes. A hash of more than 512 fields bars HGETALL for good.
type chooser struct {
	mu      sync.Mutex
	reads   uint64
	all     bool
	barred  bool
	largest int // fields of a hash, 0 if none is known
	tries   int
	spent   [2]spent // by HMGET and by HGETALL
}

type spent struct {
	time time.Duration
	keys int
}

func (s spent) perKey() float64 { return float64(s.time) / float64(max(s.keys, 1)) }

// next is how the next read goes.
func (c *chooser) next() turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	switch c.reads % every {
	case 0:
		if c.all || c.largest > 0 && !c.barred {
			return turn{all: !c.all, timed: true}
		}
	case timedAt:
		return turn{all: c.all, timed: true}
	case sizedAt:
		return turn{all: c.all, sized: !c.all && !c.barred}
	}
	return turn{all: c.all}
}

// size takes the number of fields of a hash.
func (c *chooser) size(fields int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.largest = max(c.largest, fields)
	if fields > maxAll {
		c.all, c.barred = false, true
	}
}

// note takes the time of a whole read.
func (c *chooser) note(t turn, keys int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	way := 0
	if t.all {
		way = 1
	}
	c.spent[way].time += took
	c.spent[way].keys += keys
	if t.all == c.all {
		return
	}
	if c.tries++; c.tries < judged {
		return
	}
	c.tries = 0
	usual := c.spent[1-way]
	if !c.barred && usual.keys > 0 && c.spent[way].perKey() < usual.perKey()*(1-gain) {
		c.all = t.all
	}
	for i := range c.spent {
		c.spent[i].time /= 2
		c.spent[i].keys /= 2
	}
}
