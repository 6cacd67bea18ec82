package engine

import "bytes"

// deviceNames are the devices that answers named, without the reason that may follow. Index 0 is no name.
type deviceNames struct {
	names []string
	last  int
}

// mostDevices is how many names are told apart; the rest are not kept.
const mostDevices = 64

func (d *deviceNames) index(name []byte) uint8 {
	name, _, _ = bytes.Cut(name, []byte{';'})
	if d.last > 0 && string(name) == d.names[d.last-1] {
		return uint8(d.last)
	}
	for i, known := range d.names {
		if known == string(name) {
			d.last = i + 1
			return uint8(d.last)
		}
	}
	if len(name) == 0 || len(d.names) == mostDevices {
		return 0
	}
	d.names = append(d.names, string(name))
	d.last = len(d.names)
	return uint8(d.last)
}
