package serve

import (
	"bytes"
	"fmt"
	"strings"

	"sluice/config"
	"sluice/internal/telemetry"
	"sluice/serve/rollouts"
	"sluice/webhook"
)

// leastSecret is the fewest bytes of a secret that nobody guesses.
const leastSecret = 16

// startWebhooks begins to tell those whom the settings name of changes of roles.
func (s *Server) startWebhooks() error {
	w := &s.cfg.Webhooks
	if len(w.URLs) == 0 {
		return nil
	}
	o := webhook.Options{Source: rollouts.Changes{Store: s.roles}, Log: s.log, Timeout: w.Timeout, Attempts: w.Attempts}
	if s.forgetful == "" {
		o.Dir = StateDir(s.cfg)
	}
	secret, name, err := readSecret(s.cfg, "webhooks.secret", w.Secret, "the secret of webhooks")
	if err != nil {
		return err
	}
	secret = bytes.TrimRight(secret, "\r\n") // of a file
	if len(secret) < leastSecret {
		return s.cfg.Fault("webhooks.secret", fmt.Errorf("%s has a secret of %d bytes: it could be guessed; it must have %d or more, such as the output of openssl rand -hex 32", name, len(secret), leastSecret))
	}
	for i := range w.URLs {
		address, err := webhookURL(s.cfg, i)
		if err != nil {
			return err
		}
		o.Targets = append(o.Targets, webhook.Target{URL: address, Secret: secret})
	}
	outbox := webhook.New(o)
	s.metrics.WatchWebhooks(func() telemetry.Webhooks { return telemetry.Webhooks(outbox.Stats()) })
	s.endWebhooks = begin(outbox.Run)
	return nil
}

// webhookURL reads an address that is kept elsewhere.
func webhookURL(cfg *config.Config, i int) (string, error) {
	setting, text := fmt.Sprintf("webhooks.urls[%d]", i), cfg.Webhooks.URLs[i]
	if from, _, _ := strings.Cut(text, ":"); from != "env" && from != "file" {
		return text, nil
	}
	kept, name, err := readSecret(cfg, setting, text, "the address of a webhook")
	if err != nil {
		return "", err
	}
	address := string(bytes.TrimSpace(kept))
	if err := config.CheckWebhookURL(address); err != nil {
		return "", cfg.Fault(setting, fmt.Errorf("what %s holds %w", name, err))
	}
	return address, nil
}
