package config

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Webhooks tells other programs of changes of roles: of each step of a plan, and of what people change.
type Webhooks struct {
	// URLs are who is told, each by a POST of JSON without rows of requests. An address that is a secret itself is
	// written file:PATH or env:NAME. Default none. A redirect is not followed.
	URLs []string `yaml:"urls"`
	// Secret is where the secret is with which each message is signed, 16 bytes or more: file:PATH, of which it is
	// the whole content but for the end of a line, or env:NAME, a variable. Default empty, for no urls. Whoever has it can send messages
	// that look as if they were the gateway's.
	Secret string `yaml:"secret"`
	// Timeout is how long one try may take. Default 10s. Too low gives up on slow receivers; too high makes
	// those changes late that come behind.
	Timeout time.Duration `yaml:"timeout"`
	// Attempts is how often a change is tried, with waits from a second to ten minutes between. Default 12: about an
	// hour. Too low loses changes while a receiver is away; too high makes those late that come behind.
	Attempts int `yaml:"attempts"`
}

func (v *validator) webhooks(w *Webhooks) {
	for i, text := range w.URLs {
		path := "webhooks.urls[" + strconv.Itoa(i) + "]"
		if slices.Contains(w.URLs[:i], text) {
			v.fault(path, shownURL(text), "must be there once")
			continue
		}
		if from, name, _ := strings.Cut(text, ":"); (from == "file" || from == "env") && name != "" {
			continue
		}
		if err := CheckWebhookURL(text); err != nil {
			v.fault(path, shownURL(text), err.Error())
		}
	}
	switch from, name, _ := strings.Cut(w.Secret, ":"); {
	case w.Secret == "" && len(w.URLs) > 0:
		v.fault("webhooks.urls", shownURL(w.URLs[0]), "needs a secret to sign with: set webhooks.secret")
	case w.Secret == "":
	case from != "file" && from != "env" || name == "":
		v.fault("webhooks.secret", "what is there", "must be file:PATH or env:NAME, never the secret itself")
	case len(w.URLs) == 0:
		v.fault("webhooks.secret", w.Secret, "is of no use while webhooks.urls is empty")
	}
	between(v, "webhooks.timeout", w.Timeout, 100*time.Millisecond, time.Minute)
	between(v, "webhooks.attempts", w.Attempts, 1, 100)
}

// shownURL is a refused address without what it may have of a secret: the user before the host and what comes after it.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "what is there"
	}
	return strconv.Quote(u.Scheme + "://" + u.Host + "/...")
}

// CheckWebhookURL says what is wrong with an address.
func CheckWebhookURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("must be an address such as https://example.org/hook, without a user, or file:PATH or env:NAME")
	}
	return nil
}
