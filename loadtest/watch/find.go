package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/prometheus/procfs"
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
	proc, err := f.proc()
	if err != nil {
		return 0, fmt.Errorf("cannot find the process behind %s: %w", addr, err)
	}
	sockets := listeners(proc, ips, port)
	if len(sockets) == 0 {
		return 0, fmt.Errorf("cannot find the process behind %s: nothing is seen to listen there", addr)
	}
	top := topmost(proc, holders(proc, sockets))
	switch {
	case len(top) == 0:
		return 0, fmt.Errorf("cannot find the process behind %s: it is another user's, or in another container; name it with --pid", addr)
	case len(top) > 1:
		return 0, fmt.Errorf("cannot tell which process is behind %s: %v listen there; name one with --pid", addr, top)
	}
	return top[0], nil
}

// holders are the processes that have one of the sockets open.
func holders(proc procfs.FS, sockets map[string]bool) (pids []int) {
	all, _ := proc.AllProcs()
	for _, p := range all {
		// One that has ended, or is another user's, tells nothing.
		open, _ := p.FileDescriptorTargets()
		if slices.ContainsFunc(open, func(to string) bool { return sockets[to] }) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// topmost are those processes whose parent is not among them.
func topmost(proc procfs.FS, pids []int) (top []int) {
	for _, pid := range pids {
		if s, err := statOf(proc, pid); err == nil && !slices.Contains(pids, s.PPID) {
			top = append(top, pid)
		}
	}
	slices.Sort(top)
	return top
}

// listeners are the sockets that listen on a port at one of the addresses, or at all, by the
// names that descriptors have.
func listeners(proc procfs.FS, ips []netip.Addr, port uint16) map[string]bool {
	const listening = 10
	sockets := map[string]bool{}
	// The kernel's netlink interface, which the library would rather see used, takes one more dependency, and no fixture can stand in for it.
	four, _ := proc.NetTCP() //nolint:staticcheck // see above
	six, _ := proc.NetTCP6() //nolint:staticcheck // see above; a machine may be without
	for _, s := range slices.Concat(four, six) {
		at, ok := netip.AddrFromSlice(s.LocalAddr)
		if at = at.Unmap(); ok && s.St == listening && s.LocalPort == uint64(port) && (at.IsUnspecified() || slices.Contains(ips, at)) {
			sockets[fmt.Sprintf("socket:[%d]", s.Inode)] = true
		}
	}
	return sockets
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
