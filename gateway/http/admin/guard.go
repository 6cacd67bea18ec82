package admin

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"sluice/internal/fault"
)

// Who may call the admin port.

// allowed refuses browsers that act for another page, and strangers.
func (p *Port) allowed(r *http.Request, class Class) error {
	if !p.opt.MetricsOnly && !p.hostAllowed(r) {
		return fault.New(fault.Forbidden, "the Host header is neither the address of the admin port nor one of its names; admin_hosts names others")
	}
	if r.Header.Get("Origin") != "" {
		return fault.New(fault.Forbidden, "the admin port does not answer requests with an Origin header")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return fault.New(fault.Forbidden, "the admin port does not answer requests of other sites")
	}
	if class == Public || p.opt.MetricsOnly {
		return nil
	}
	if p.opt.Token == "" {
		if class == Profile && !reachedAt(r).IsLoopback() {
			return fault.New(fault.Forbidden, "profiles are for the machine itself, or for a token; admin_token_file sets one")
		}
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(token), []byte(p.opt.Token)) != 1 {
		return fault.New(fault.Unauthenticated, "the admin port needs its token: Authorization: Bearer TOKEN")
	}
	return nil
}

// hostAllowed reports whether the port may be called by the Host of a request. An address must be the one that the
// request came to. With a token it may be any address: a proxy or a published port may have translated it, and no
// page can make a browser send the token.
func (p *Port) hostAllowed(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" {
		return true
	}
	for _, name := range p.opt.Hosts {
		if strings.EqualFold(name, host) {
			return true
		}
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (p.opt.Token != "" || address.Unmap().WithZone("") == reachedAt(r))
}

// reachedAt is the server's own address of a request's connection.
func reachedAt(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return local.AddrPort().Addr().Unmap().WithZone("")
}
