package engine

import (
	"time"

	"sluice/internal/clock"
)

// deviceNames are the devices that answers named, without the reason that may follow. Index 0 is no name.
type deviceNames struct {
	names []string
	last  int
}

// mostDevices is how many names are told apart; the rest are not kept.
const mostDevices = 64

func (d *deviceNames) index(name []byte) uint8 {
	for i, c := range name {
		if c == ';' {
			name = name[:i]
			break
		}
	}
	if len(name) == 0 {
		return 0
	}
	if d.last > 0 && string(name) == d.names[d.last-1] {
		return uint8(d.last)
	}
	for i, known := range d.names {
		if known == string(name) {
			d.last = i + 1
			return uint8(d.last)
		}
	}
	if len(d.names) == mostDevices {
		return 0
	}
	d.names = append(d.names, string(name))
	d.last = len(d.names)
	return uint8(d.last)
}

// checkCost measures what the comparison of answers costs, by one call in sixteen.
type checkCost struct {
	calls int
	spent time.Duration
}

func (c *checkCost) begin() clock.Instant {
	if c.calls++; c.calls%16 != 0 {
		return 0
	}
	return clock.Now()
}

// end returns whether this call was measured.
func (c *checkCost) end(began clock.Instant) bool {
	if began == 0 {
		return false
	}
	c.spent += 16 * clock.Now().Sub(began)
	return true
}
