//go:build !linux

package httpfront

import "net"

func boundUnsent(net.Conn) {}
