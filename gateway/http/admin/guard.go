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

// Token lets whoever brings it, as "Authorization: Bearer TOKEN", use the port.
type Token struct {
	// Name is what the history of changes calls whoever brings it.
	Name string
	// Operate lets it change the server, and not only look at it.
	Operate bool
	Secret  string
}

// nobody is the name of who changes something where no token is asked for.
const nobody = "local"

// allowed refuses browsers that act for another page, and strangers. It says who asks.
func (p *Port) allowed(r *http.Request, class Class) (who string, err error) {
	if err := p.browsed(r); err != nil {
		return "", err
	}
	if class == Public || p.opt.MetricsOnly {
		return nobody, nil
	}
	if len(p.opt.Tokens) == 0 {
		if class == Profile && !reachedAt(r).IsLoopback() {
			return "", fault.New(fault.Forbidden, "profiles are for the machine itself, or for a token; admin_token_file sets one")
		}
		return nobody, nil
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	var found *Token
	for i := range p.opt.Tokens { // all of them, so that the time tells nothing
		if t := &p.opt.Tokens[i]; subtle.ConstantTimeCompare([]byte(secret), []byte(t.Secret)) == 1 {
			found = t
		}
	}
	if !strings.EqualFold(scheme, "Bearer") || found == nil {
		return "", fault.New(fault.Unauthenticated, "the admin port needs a token: Authorization: Bearer TOKEN")
	}
	if !found.Operate && (class == Operate || class == Profile) {
		return "", fault.Newf(fault.Forbidden, "the token of '%s' may look and not change anything; admin_tokens_file gives it the role operate", found.Name)
	}
	return found.Name, nil
}

// browsed refuses what a browser does for another page.
func (p *Port) browsed(r *http.Request) error {
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
	return err == nil && (len(p.opt.Tokens) > 0 || address.Unmap().WithZone("") == reachedAt(r))
}

// reachedAt is the server's own address of a request's connection.
func reachedAt(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return local.AddrPort().Addr().Unmap().WithZone("")
}
