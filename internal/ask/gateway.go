// Package ask asks a running gateway, as a client on the same machine: whether it is ready, and which models
// it has. It owns no state; commands call it.
package ask

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sluice/internal/near"
	"sluice/internal/remedy"
	"sluice/internal/tensor"
)

// Gateway is where a gateway listens, as a client on this machine reaches it.
type Gateway struct {
	url       string // for people, with the base path
	base      string
	addresses []string
}

// At is the gateway that listens on an address, with a base path. An error is about the address.
func At(listen, base string) (*Gateway, error) {
	addresses, err := Addresses(listen)
	if err != nil {
		return nil, err
	}
	return &Gateway{URL(listen, base), base, addresses}, nil
}

// URL is the address of a predict port for a client on this machine.
func URL(listen, base string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		listen = net.JoinHostPort("localhost", port)
	}
	return "http://" + listen + base
}

// client tries the addresses in turn. It uses no proxy of the environment: the gateway is on this
// machine, or named. It follows no redirection: a gateway gives none, and whatever it leads to is
// not the gateway.
func client(addresses []string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialFirst(ctx, addresses) }
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialFirst connects to the first of some addresses at which somebody listens.
func dialFirst(ctx context.Context, addresses []string) (net.Conn, error) {
	var dialer net.Dialer
	var first error // of the address that is shown
	for _, address := range addresses {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// Addresses are where to reach a server that listens on an address: on the loopback address of
// the same family if that is all addresses, and else on that of the other one. A machine may have
// only one of them: in a container without IPv6 a server can listen on [::], and there is no ::1.
func Addresses(listen string) ([]string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	if strings.Trim(port, "0") == "" {
		return nil, fmt.Errorf("%s has port 0, for which the server takes a free one that cannot be known here; give it a port, or name the one that it took with --listen", listen)
	}
	four, six := net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)
	ip := net.ParseIP(host)
	switch {
	case host == "":
		return []string{four, six}, nil
	case ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		return []string{four}, nil
	case ip != nil && ip.IsUnspecified():
		return []string{six, four}, nil
	}
	return []string{net.JoinHostPort(host, port)}, nil
}

// describeLimit is how long a gateway on this machine may take to describe a model, and maxDescribed is the
// most bytes of what it says.
const (
	describeLimit = 5 * time.Second
	maxDescribed  = 64 << 20
)

// request asks for a page and reads a good answer; the status says whether it is one.
func (g *Gateway) request(ctx context.Context, method, path string, answer any) (status int, err error) {
	limited, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, method, "http://"+strings.ReplaceAll(g.addresses[0], "%", "%25")+g.base+path, nil)
	if err != nil {
		return 0, fmt.Errorf("cannot ask %s: %w", g.url, err)
	}
	response, err := client(g.addresses).Do(request)
	if err != nil {
		return 0, fmt.Errorf("cannot reach a gateway at %s: %s; start one with sluice serve, or name its address with --listen", g.url, remedy.Connection(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDescribed))
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		return 0, fmt.Errorf("%s%s is no answer of a gateway: %w", g.url, path, err)
	}
	return http.StatusOK, nil
}

// Ready lists the models that are served.
func (g *Gateway) Ready(ctx context.Context) ([]string, error) {
	var index []struct{ Name, State string }
	status, err := g.request(ctx, http.MethodPost, "/v2/repository/index", &index)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s/v2/repository/index answers with status %d: is it a gateway?", g.url, status)
	}
	var names []string
	for _, model := range index {
		if model.State == "READY" && !slices.Contains(names, model.Name) {
			names = append(names, model.Name)
		}
	}
	return names, nil
}

// Schema is what a model takes.
func (g *Gateway) Schema(ctx context.Context, name string) (*tensor.Schema, error) {
	var about struct {
		Inputs []struct {
			Name, Datatype string
			Shape          []int64
		}
	}
	status, err := g.request(ctx, http.MethodGet, "/v2/models/"+url.PathEscape(name), &about)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		names, err := g.Ready(ctx)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the gateway serves no model %q%s: it has %s", name, near.Meant(name, names), cmp.Or(near.First(name, names, 20), "none"))
	}
	s := &tensor.Schema{}
	for _, in := range about.Inputs {
		s.Inputs = append(s.Inputs, tensor.Spec{Name: in.Name, Type: tensor.ParseDataType([]byte(in.Datatype)), Shape: in.Shape})
	}
	return s, nil
}
