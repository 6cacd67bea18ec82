package watch

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ErrNotHere is the answer for an address that is not this machine's own.
var ErrNotHere = errors.New("the address is not of this machine")

// SameHost reports whether a host, a name or an address with or without a port, is this machine.
func SameHost(addr string) bool {
	ips, _, err := resolve(addr)
	return err == nil && len(ips) > 0
}

// resolve returns those of an address's IP addresses that are this machine's own.
func resolve(addr string) (own []netip.Addr, port uint16, err error) {
	host := addr
	if h, p, err := net.SplitHostPort(addr); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return nil, 0, fmt.Errorf("%q has no port between 0 and 65535", addr)
		}
		host, port = h, uint16(n)
	}
	ips, err := net.LookupHost(host)
	if err != nil {
		return nil, 0, err
	}
	local, _ := net.InterfaceAddrs()
	for _, text := range ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		ip = ip.Unmap().WithZone("")
		mine := ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(local, func(a net.Addr) bool {
			p, err := netip.ParsePrefix(a.String())
			return err == nil && p.Addr().Unmap() == ip
		})
		if mine {
			own = append(own, ip)
		}
	}
	return own, port, nil
}

// FindPID finds the process that listens on host:port. ErrNotHere says that another machine
// does. A socket that several processes hold, as after a fork, is that of the topmost.
func FindPID(addr string) (int, error) { return findPID("/", addr) }

func findPID(f files, addr string) (int, error) {
	ips, port, err := resolve(addr)
	switch {
	case err != nil:
		return 0, fmt.Errorf("cannot find the process behind %s: %w", addr, err)
	case len(ips) == 0:
		return 0, ErrNotHere
	}
	sockets := map[string]bool{}
	for _, name := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		text, err := f.read(name)
		if err != nil {
			continue // without IPv6, or not Linux
		}
		for _, inode := range listeners(text, ips, port) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return 0, fmt.Errorf("cannot find the process behind %s: nothing is seen to listen there", addr)
	}
	holders := f.holders(sockets)
	top := f.topmost(holders)
	switch {
	case len(top) == 0:
		return 0, fmt.Errorf("cannot find the process behind %s: it is another user's, or in another container; name it with --pid", addr)
	case len(top) > 1:
		return 0, fmt.Errorf("cannot tell which process is behind %s: %v listen there; name one with --pid", addr, top)
	}
	return top[0], nil
}

// holders are the processes that have one of the sockets open.
func (f files) holders(sockets map[string]bool) (pids []int) {
	all, _ := f.numbers("proc")
	for _, pid := range all {
		fds, err := f.numbers(procPath(pid, "fd"))
		if err != nil {
			continue // it has ended, or is another user's
		}
		if slices.ContainsFunc(fds, func(fd int) bool {
			to, err := os.Readlink(f.path(procPath(pid, "fd/"+strconv.Itoa(fd))))
			return err == nil && sockets[to]
		}) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// topmost are those processes whose parent is not among them.
func (f files) topmost(pids []int) (top []int) {
	for _, pid := range pids {
		text, err := f.read(procPath(pid, "stat"))
		if err != nil {
			continue
		}
		if s, err := parseStat(text); err == nil && !slices.Contains(pids, s.parent) {
			top = append(top, pid)
		}
	}
	slices.Sort(top)
	return top
}

// listeners returns the inodes of the sockets in /proc/net/tcp or tcp6 that listen on a port
// at one of the addresses, or at all.
func listeners(text []byte, ips []netip.Addr, port uint16) (inodes []string) {
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) < 10 || fields[3] != "0A" { // LISTEN
			continue
		}
		at, ok := parseSocketAddr(fields[1])
		if ok && at.Port() == port && (at.Addr().IsUnspecified() || slices.Contains(ips, at.Addr())) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}

// parseSocketAddr reads 0100007F:1F90: the address in words of four bytes, each in the order
// of the machine, which is little-endian wherever Sluice runs, then the port.
func parseSocketAddr(text string) (netip.AddrPort, bool) {
	address, digits, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	port, bad := strconv.ParseUint(digits, 16, 16)
	if err != nil || bad != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	ip, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true
}

// metricsAfter are how far behind the predict port a server's metrics may be: Sluice's admin
// port is the next one, Triton's metrics are two further.
var metricsAfter = []uint16{1, 2}

// FindMetrics finds the metrics of a server on this machine by its predict address. pid is the
// server's process if that is known: metrics of another one are not taken. The error says what
// to do: name the address.
func FindMetrics(ctx context.Context, addr string, pid int) (string, error) {
	ips, port, err := resolve(addr)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot find the metrics of %s: %w", addr, err)
	case len(ips) == 0:
		return "", ErrNotHere
	}
	host, _, _ := net.SplitHostPort(addr)
	for _, after := range metricsAfter {
		if port == 0 || port+after < port {
			continue
		}
		at := net.JoinHostPort(host, strconv.Itoa(int(port+after)))
		if owner, err := FindPID(at); err == nil && pid != 0 && owner != pid {
			continue
		}
		url := "http://" + at + "/metrics"
		if _, err := ServerCounters(ctx, url); err == nil {
			return url, nil
		}
	}
	return "", fmt.Errorf("cannot find the metrics of %s: nothing that is known answers on the ports behind it; name their address with --metrics", addr)
}
