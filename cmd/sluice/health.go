package main

import (
	"context"
	"encoding/json"
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
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the process answers, whatever its models")
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
	address, err := dialAddress(cfg.Listen)
	if err != nil {
		return cfg.Fault("listen", err)
	}
	url := "http://" + address + cfg.BasePath + "/v2/health/ready"
	if live {
		url = "http://" + address + cfg.BasePath + "/v2/health/live"
	}
	limited, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", url, err)
	}
	// Never by a proxy of the environment: the gateway is on this machine, or named.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot reach the gateway at %s: %s; is it running, and does it listen there? health follows --config, SLUICE_LISTEN, SLUICE_BASE_PATH and their flags", url, remedy.Connection(err))
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", url, err)
	}
	if answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s answered 404: is it the gateway's port, and is %q its base_path?", url, cfg.BasePath)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d: %s", url, answer.StatusCode, reasonOf(body))
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
	return orElse(text[:min(len(text), 200)], "it gave no reason")
}

// dialAddress is where to reach a server that listens on an address: on the loopback address of
// the same family if that is all addresses.
func dialAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if strings.Trim(port, "0") == "" {
		return "", fmt.Errorf("%s has port 0, for which the server takes a free one that cannot be known here; give it a port, or name the one that it took with --listen", listen)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(strings.ReplaceAll(host, "%", "%25"), port), nil
}
