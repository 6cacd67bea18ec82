package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Webhooks is what became of changes that others are told of, over all targets.
type Webhooks struct{ Sent, Failed, Dropped uint64 }

// WatchWebhooks names the function that a scrape asks for webhooks; it must not block. A server without any has no such
// series.
func (m *Metrics) WatchWebhooks(state func() Webhooks) { m.webhooks.Store(&state) }

var (
	descWebhookSent    = describe("sluice_webhooks_sent_total", "Changes that a webhook was told of.")
	descWebhookFailed  = describe("sluice_webhooks_failed_total", "Tries to tell a webhook that failed.")
	descWebhookDropped = describe("sluice_webhooks_dropped_total", "Changes that a webhook was never told of.")
)

func (m *Metrics) collectWebhooks(ch chan<- prometheus.Metric) {
	state := m.webhooks.Load()
	if state == nil {
		return
	}
	w := (*state)()
	counter(ch, descWebhookSent, float64(w.Sent))
	counter(ch, descWebhookFailed, float64(w.Failed))
	counter(ch, descWebhookDropped, float64(w.Dropped))
}
