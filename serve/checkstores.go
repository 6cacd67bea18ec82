package serve

import (
	"go.uber.org/zap"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// OpenStores opens the feature stores of the settings, so that Stores can hold models against them. An error is about the settings: a
// store that does not answer is none.
func (c *Check) OpenStores() error {
	c.stores = &Server{o: *c.o, cfg: c.o.Config, log: zap.NewNop()}
	return c.stores.openFeatures()
}

// Stores refuses a model that a server could not join to the feature stores, as one that names a store which there is not. It reads
// nothing from them.
func (c *Check) Stores(b *bundle.Bundle, r *gates.Report) error {
	if r.Refusal() != nil {
		return nil
	}
	plan, err := b.Config.Plan(b.Schema)
	if err != nil || plan == nil {
		return err
	}
	f, err := c.stores.join(plan)
	if err != nil {
		r.Gates = append(r.Gates, gates.Verdict{Gate: "stores", Outcome: gates.Refused, Text: err.Error()})
		return nil
	}
	f.release()
	return nil
}

func (c *Check) closeStores() error {
	if c.stores == nil || c.stores.features == nil {
		return nil
	}
	return c.stores.features.Close()
}
