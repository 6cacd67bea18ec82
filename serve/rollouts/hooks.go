package rollouts

import (
	"slices"

	"sluice/models/roles"
	"sluice/webhook"
)

// Changes are the changes of roles as webhooks are told of them.
type Changes struct{ *roles.Store }

// Since lists the changes of models after a generation, from old to new. What moves the lease is left out.
func (c Changes) Since(after uint64) (events []webhook.Event, newest uint64, err error) {
	newest = c.State().Generation
	if newest <= after {
		return nil, newest, nil
	}
	lines, err := c.History("", 0)
	if err != nil {
		return nil, newest, err
	}
	slices.Reverse(lines)
	for i := range lines {
		if e := &lines[i]; e.Generation > after && e.Generation <= newest && e.Model != "" {
			events = append(events, webhook.Event{
				Number: e.Generation, Time: e.Time, Who: e.Who, Action: e.Action, Model: e.Model, Version: e.Name(), Digest: e.Digest,
				From: e.From, Share: e.Share, Reason: e.Reason,
			})
		}
	}
	return events, newest, nil
}
