package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/config"
	"sluice/features/spec"
	"sluice/models"
)

// FeaturePlan is how the inputs of one model are filled: that of a file or of a bundle's folder. The model is loaded on the CPU for it,
// since only its session knows the types of its inputs, and is not proven.
func FeaturePlan(ctx context.Context, cfg *config.Config, path string) (_ *spec.Plan, err error) {
	library, err := LoadLibrary(cfg.ONNXRuntime.Library)
	if err != nil {
		return nil, cfg.Fault("onnxruntime.library", err)
	}
	cfg.Models, cfg.Devices = "", []config.Device{config.DefaultDevice("cpu")}
	c, err := OpenCheck(ctx, &Options{Config: cfg, Paths: []string{path}}, library)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.Options.SkipProof, c.Options.SkipTest, c.Options.WarmupBudget = true, true, time.Millisecond
	bundles, faults, err := models.Find(c.Options)
	if err = errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	b := bundles[0]
	report, err := models.Check(ctx, c.Options, b)
	if refusal := report.Refusal(); err == nil && refusal != nil {
		err = errors.New(refusal.Text)
	}
	var plan *spec.Plan
	if err == nil {
		plan, err = b.Config.Plan(b.Schema)
	}
	if err == nil && plan == nil {
		err = errors.New("its model.yaml has no features")
	}
	if err = errors.Join(err, b.Discard()); err != nil {
		return nil, fmt.Errorf("cannot read how the inputs of %s are filled: %w", path, err)
	}
	return plan, nil
}
