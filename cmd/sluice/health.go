package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/internal/remedy"
)

// healthTimeout is less than what a container's health check usually waits.
const healthTimeout = 2 * time.Second

// healthCommand asks a running gateway whether it is ready: a container's health check
// needs no other tool.
func healthCommand() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running gateway whether it is ready; exit 0 if it is",
		Long: `Ask a running gateway whether it is ready. The exit status is 0 if it is, and 1 if not: standard
error then says what is missing and why. The address and the base path are those of the same
file, variables and flags as serve reads; where serve listens on every address, this machine is
asked. Flags that only serve was given cannot be known here: in a container set SLUICE_LISTEN,
SLUICE_BASE_PATH or SLUICE_CONFIG, which both follow.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			return askHealth(cmd.Context(), cfg, live)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "Ask only whether the process answers, whatever its models.")
	settingFlags(cmd)
	for _, o := range config.Options() {
		if o.Path != "listen" && o.Path != "base_path" {
			_ = cmd.Flags().MarkHidden(o.Flag) // taken, so that the flags of serve do here, and of no effect
		}
	}
	return cmd
}

// askHealth is nil if the gateway of these settings is ready, or alive.
func askHealth(ctx context.Context, cfg *config.Config, live bool) error {
	addresses, err := dialAddresses(cfg.Listen)
	if err != nil {
		return cfg.Fault("listen", err)
	}
	what := "ready"
	if live {
		what = "live"
	}
	url := "http://" + strings.ReplaceAll(addresses[0], "%", "%25") + cfg.BasePath + "/v2/health/" + what
	limited, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", url, err)
	}
	answer, err := healthClient(addresses).Do(request)
	if err == nil {
		defer answer.Body.Close()
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(answer.Body, 64<<10)); err == nil {
			return readHealth(url, cfg.BasePath, what, answer.StatusCode, body)
		}
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s gave no answer within %v: something listens there, and it hangs or is overloaded", url, healthTimeout)
	}
	return fmt.Errorf("cannot reach the gateway at %s: %s; is it running, and does it listen there? health follows --config, SLUICE_LISTEN, SLUICE_BASE_PATH and their flags", url, remedy.Connection(err))
}

// healthClient tries addresses in turn. It uses no proxy of the environment: the gateway is on this
// machine, or named. It follows no redirection: a gateway gives none, and whatever it leads to is
// not the gateway.
func healthClient(addresses []string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialFirst(ctx, addresses) }
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// readHealth is nil for the answer of a gateway that is well. Another server on the port may answer
// 200 to whatever it is asked.
func readHealth(url, base, what string, status int, body []byte) error {
	if status == http.StatusNotFound {
		return fmt.Errorf("%s answered 404: is it the gateway's port, and is %q its base_path?", url, base)
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s answered %d: %s", url, status, reasonOf(body))
	}
	var said map[string]any
	if json.Unmarshal(body, &said) != nil || said[what] != true {
		return fmt.Errorf("%s answered 200 and not that it is %s: is it a gateway? it said %.80q", url, what, body)
	}
	return nil
}

// reasonOf is what a refusal says.
func reasonOf(body []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		return said.Error
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	return cmp.Or(text[:min(len(text), 200)], "it gave no reason")
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

// dialAddresses are where to reach a server that listens on an address: on the loopback address of
// the same family if that is all addresses, and else on that of the other one. A machine may have
// only one of them: in a container without IPv6 a server can listen on [::], and there is no ::1.
func dialAddresses(listen string) ([]string, error) {
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
