package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/config"
	"sluice/features/embedded"
	"sluice/features/load"
	"sluice/features/look"
	"sluice/features/store"
	"sluice/internal/near"
	"sluice/serve"
)

// featureTarget is a group of a store.
type featureTarget struct {
	store string
	group *store.Group
	spec  *load.Spec // nil if it is of a model
}

// storeWait is how long a command waits for a store.
const storeWait = 3 * time.Second

// featureTargets are the groups that an argument names: that of a spec, or those of a model, of which group may choose one.
func featureTargets(ctx context.Context, cfg *config.Config, arg, group string) ([]featureTarget, error) {
	if ext := filepath.Ext(arg); ext == ".yaml" || ext == ".yml" {
		spec, err := load.ReadSpec(arg)
		if err != nil {
			return nil, err
		}
		if group != "" && group != spec.View {
			return nil, usage(fmt.Errorf("--group: spec %s is of the view %s alone", arg, spec.View))
		}
		return []featureTarget{{spec.Store, spec.Group(), spec}}, nil
	}
	plan, err := serve.FeaturePlan(ctx, cfg, arg)
	if err != nil {
		return nil, err
	}
	var all []featureTarget
	var names []string
	for i := range plan.Groups {
		p := &plan.Groups[i]
		names = append(names, p.Of.Name)
		if group == "" || group == p.Of.Name {
			all = append(all, featureTarget{p.Store, p.Of, nil})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--group: the model has no group %q%s: it has %s", group, near.Meant(group, names), near.First(group, names, len(names)))
	}
	return all, nil
}

// targetOf reads the settings of a command, and finds the one group that its argument names.
func targetOf(cmd *cobra.Command, arg, group string) (*config.Config, featureTarget, error) {
	cfg, err := serverSettings(cmd.Flags())
	if err != nil {
		return nil, featureTarget{}, err
	}
	t, err := oneTarget(cmd.Context(), cfg, arg, group)
	return cfg, t, err
}

// oneTarget is the one group that an argument names.
func oneTarget(ctx context.Context, cfg *config.Config, arg, group string) (featureTarget, error) {
	all, err := featureTargets(ctx, cfg, arg, group)
	switch {
	case err != nil:
		return featureTarget{}, err
	case len(all) > 1:
		return featureTarget{}, usage(fmt.Errorf("the model has %d groups of features: name one with --group, such as --group %s", len(all), all[0].group.Name))
	}
	return all[0], nil
}

// withStore lends a store of the settings, for as long as a command waits for it.
func withStore(ctx context.Context, cfg *config.Config, name string, do func(ctx context.Context, st store.Store) error) error {
	st, err := serve.FeatureStore(cfg, name, zap.NewNop())
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, st), st.Close())
}

// readRows reads keys with a limit for each piece of them to come.
func readRows(ctx context.Context, st store.Store, t featureTarget, keys []store.Key, each func(keys []store.Key, rows *store.Rows) error) error {
	for some := range slices.Chunk(keys, 500) {
		limited, cancel := context.WithTimeout(ctx, storeWait)
		err := look.Read(limited, st, t.group, some, each)
		cancel()
		if err != nil {
			return fmt.Errorf("cannot read view %s of store %s: %w", t.group.View, t.store, err)
		}
	}
	return nil
}

// fileKeys reads the keys of a CSV file, or of standard input if it is -.
func fileKeys(path string, columns []store.KeyColumn) ([]store.Key, error) {
	var from io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the keys: %w", err)
		}
		defer f.Close()
		from = f
	}
	keys, err := look.ReadKeys(from, columns)
	if err != nil {
		return nil, fmt.Errorf("--keys %s: %w", path, err)
	}
	return keys, nil
}

// storedKeys are all keys of an embedded store; other stores do not list theirs.
func storedKeys(st store.Store, t featureTarget) ([]store.Key, error) {
	e, ok := st.(*embedded.Store)
	if !ok {
		return nil, usage(fmt.Errorf("store %s does not list its keys, as an embedded one does: name a CSV file of keys with --keys, or - for standard input", t.store))
	}
	return e.Keys(t.group.View)
}

// groupFlag chooses a group of a model.
func groupFlag(cmd *cobra.Command, group *string) {
	cmd.Flags().StringVar(group, "group", "", "Which group `NAME` of a model's features. Default: the only one.")
}

// csvNames are the columns of a dump: those that load takes with the spec.
func (t *featureTarget) csvNames() (names []string) {
	if t.spec != nil {
		names = t.spec.Fields()
		if t.spec.Time != nil {
			return names
		}
		return append(names, "event_timestamp")
	}
	for _, k := range t.group.Keys {
		names = append(names, k.Name)
	}
	for i := range t.group.Columns {
		names = append(names, t.group.Columns[i].Name)
	}
	return append(names, "event_timestamp")
}
