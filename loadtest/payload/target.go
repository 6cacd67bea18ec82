package payload

import (
	"net"
	"net/url"
	"strings"
)

// Target is a server's address.
type Target struct {
	// URL is the address in full, without a slash at the end.
	URL string
	// Addr is host:port.
	Addr string
	// Host is the Host header's value, and Base what paths begin with; "" mostly.
	Host, Base string
}

// ParseTarget reads an address: host:port, or a URL, which may have a path that the server's
// routes lie below.
func ParseTarget(text string) (Target, error) {
	full := text
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	switch {
	case err != nil || u.Hostname() == "":
		return Target{}, usagef("target %q is no address: give host:port or http://host:port", text)
	case u.Scheme == "https":
		return Target{}, usagef("target %q: TLS is not supported, its cost would hide the server's: give the plain HTTP port", text)
	case u.Scheme != "http":
		return Target{}, usagef("target %q: the scheme must be http", text)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return Target{}, usagef("target %q: give an address without a query, fragment or user; headers can carry credentials", text)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	base := strings.TrimRight(u.EscapedPath(), "/")
	return Target{URL: "http://" + u.Host + base, Addr: net.JoinHostPort(u.Hostname(), port), Host: u.Host, Base: base}, nil
}

// modelPath is the path of a model, or of a version of it, below /v2 or /v1.
func modelPath(protocol, model, version string) string {
	path := "/" + protocol + "/models/" + url.PathEscape(model)
	if version != "" {
		path += "/versions/" + url.PathEscape(version)
	}
	return path
}
