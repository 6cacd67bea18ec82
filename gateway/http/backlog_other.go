//go:build !linux

package httpfront

import "net"

// Elsewhere connections that nobody has accepted are reset with the listener.

func refuseHandshakes(net.Listener)     {}
func connectionWaits(net.Listener) bool { return false }
