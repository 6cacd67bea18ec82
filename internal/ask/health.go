package ask

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sluice/internal/remedy"
)

// healthTimeout is less than what a container's health check usually waits.
const healthTimeout = 2 * time.Second

// Health is nil if the gateway is ready, or alive.
func (g *Gateway) Health(ctx context.Context, live bool) error {
	what := "ready"
	if live {
		what = "live"
	}
	url := "http://" + strings.ReplaceAll(g.addresses[0], "%", "%25") + g.base + "/v2/health/" + what
	limited, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", url, err)
	}
	answer, err := client(g.addresses).Do(request)
	if err == nil {
		defer answer.Body.Close()
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(answer.Body, 64<<10)); err == nil {
			return readHealth(url, g.base, what, answer.StatusCode, body)
		}
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s gave no answer within %v: something listens there, and it hangs or is overloaded", url, healthTimeout)
	}
	return fmt.Errorf("cannot reach the gateway at %s: %s; is it running, and does it listen there? health follows --config, SLUICE_LISTEN, SLUICE_BASE_PATH and their flags", url, remedy.Connection(err))
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
