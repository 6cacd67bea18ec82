package engine

import (
	"bytes"
	"slices"
)

// deviceNames are the devices that answers named, without the reason that may follow. They count from 1; 0 is no name.
type deviceNames []string

// mostDevices is how many names are told apart; the rest are not kept.
const mostDevices = 64

func (d *deviceNames) index(name []byte) uint8 {
	name, _, _ = bytes.Cut(name, []byte{';'})
	at := slices.IndexFunc(*d, func(known string) bool { return known == string(name) })
	switch {
	case at >= 0:
		return uint8(at + 1)
	case len(name) == 0 || len(*d) == mostDevices:
		return 0
	}
	*d = append(*d, string(name))
	return uint8(len(*d))
}
