package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/valyala/fasthttp"
)

// healthCommand asks a running gateway whether it is ready: a container's health check
// needs no other tool.
func healthCommand() *cobra.Command {
	var listen string
	var live bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running gateway whether it is ready; exit 0 if it is",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			path := "/v2/health/ready"
			if live {
				path = "/v2/health/live"
			}
			url := "http://" + listen + path
			status, _, err := fasthttp.GetTimeout(nil, url, 2*time.Second)
			if err != nil {
				return fmt.Errorf("cannot reach %s: %w", url, err)
			}
			if status != fasthttp.StatusOK {
				return fmt.Errorf("%s answered %d", url, status)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of the predict port")
	cmd.Flags().BoolVar(&live, "live", false, "ask for liveness only")
	return cmd
}
