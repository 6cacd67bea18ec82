package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/features/look"
	"sluice/features/store"
	"sluice/internal/fault"
	"sluice/internal/units"
	"sluice/serve"
)

// featureCheck is what was seen of a group.
type featureCheck struct {
	Store string `json:"store"`
	View  string `json:"view"`
	// Reached is how long the store took to give a sign of life, in milliseconds; 0 if it gave none.
	Reached float64       `json:"reached_ms"`
	Rows    *look.Summary `json:"rows,omitempty"`
	HotKeys []hotKey      `json:"hot_keys,omitempty"`
	Faults  []string      `json:"faults"`
}

type hotKey = serve.HotKey

// featuresCheckCommand looks at stores.
func featuresCheckCommand() *cobra.Command {
	o := checkFeatures{most: 1000}
	cmd := &cobra.Command{
		Use:   "check SPEC",
		Short: "Look whether stores have what a model wants",
		Long: `Look whether the stores of a model's features answer, and whether samples of their rows have the features, in
types and lengths that fit, how many are missing and how old they are.

SPEC is a file as features load takes it, whose name ends in .yaml, or a model: MODEL.onnx, or its folder. The
samples are of an embedded store's own rows, or of those that --keys names, or --hot: of the entities that a
running gateway is asked for most.

The exit status is 1 if a store does not answer, has none of the entities, has no value of a feature, or has a
value that does not fit.`,
		Args: exactArgs("SPEC"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	groupFlag(cmd, &o.group)
	flags := cmd.Flags()
	flags.StringVar(&o.keys, "keys", "", "CSV `FILE` with a column for each key, or - for standard input.")
	flags.BoolVar(&o.hot, "hot", false, "Look at what a running gateway is asked for most, and name it.")
	flags.IntVar(&o.most, "rows", o.most, "How many `rows` of each group are looked at, at most.")
	flags.BoolVar(&o.json, "json", false, "Print a JSON list in place of text.")
	someSettings(cmd, "onnxruntime.library", "admin", "admin_token_file")
	return cmd
}

// checkFeatures is one call.
type checkFeatures struct {
	group, keys string
	hot, json   bool
	most        int
	document    *serve.FeatureDocument // of the running gateway
}

func (o *checkFeatures) run(cmd *cobra.Command, arg string) error {
	if o.most < 1 {
		return usage(fmt.Errorf("--rows: %d must be 1 or more", o.most))
	}
	if o.hot && o.keys != "" {
		return usage(errors.New("--keys and --hot both say which rows are looked at: take one"))
	}
	cfg, err := serverSettings(cmd.Flags())
	if err != nil {
		return err
	}
	if o.hot {
		port, err := adminPort(cmd)
		if err == nil {
			err = port.Get(cmd.Context(), "/v2/features", &o.document)
		}
		if err != nil {
			return err
		}
	}
	targets, err := featureTargets(cmd.Context(), cfg, arg, o.group)
	if err != nil {
		return err
	}
	var all []*featureCheck
	faults := 0
	for _, t := range targets {
		c, err := o.look(cmd.Context(), cfg, t)
		if err != nil {
			return err
		}
		all, faults = append(all, c), faults+len(c.Faults)
		if !o.json {
			c.tell(cmd.OutOrStdout(), t)
		}
	}
	if o.json {
		if err := writeJSON(cmd.OutOrStdout(), all); err != nil {
			return err
		}
	}
	if faults > 0 {
		return fmt.Errorf("%s of %s", units.Count(faults, "fault"), units.Count(len(targets), "group"))
	}
	return nil
}

// look looks at one group. An error is of the command, what is wrong with the store is in the result.
func (o *checkFeatures) look(ctx context.Context, cfg *config.Config, t featureTarget) (*featureCheck, error) {
	c := &featureCheck{Store: t.store, View: t.group.View, Faults: []string{}}
	return c, withStore(ctx, cfg, t.store, func(ctx context.Context, st store.Store) error {
		limited, cancel := context.WithTimeout(ctx, storeWait)
		took, err := look.Reach(limited, st)
		cancel()
		if err != nil {
			c.Faults = append(c.Faults, fmt.Sprintf("the store does not answer: %v", err))
			return nil
		}
		c.Reached = float64(took) / float64(time.Millisecond)
		keys, err := o.sample(c, st, t)
		if err != nil || len(keys) == 0 {
			return err
		}
		c.Rows = look.NewSummary(t.group)
		now := time.Now()
		err = readRows(ctx, st, t, keys, func(_ []store.Key, rows *store.Rows) error {
			c.Rows.Add(rows, now)
			return nil
		})
		if err != nil {
			c.Faults = append(c.Faults, err.Error())
		}
		c.Faults = append(c.Faults, c.Rows.Faults()...)
		return nil
	})
}

// sample chooses keys; none if there is nothing to choose from.
func (o *checkFeatures) sample(c *featureCheck, st store.Store, t featureTarget) (keys []store.Key, err error) {
	switch {
	case o.hot:
		keys, err = o.hotKeys(c, t)
	case o.keys != "":
		keys, err = fileKeys(o.keys, t.group.Keys)
	default:
		if keys, err = storedKeys(st, t); exitStatus(err) == 2 {
			return nil, nil
		}
		if err != nil {
			c.Faults, err = append(c.Faults, err.Error()), nil
		}
	}
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys[:min(len(keys), o.most)], err
}

// hotKeys are the group's that a running gateway is asked for most.
func (o *checkFeatures) hotKeys(c *featureCheck, t featureTarget) (keys []store.Key, err error) {
	for i := range o.document.Groups {
		g := &o.document.Groups[i]
		if g.Store != t.store || g.View != t.group.View {
			continue
		}
		for _, h := range g.HotKeys {
			var texts []string
			for _, k := range t.group.Keys {
				if h.Key[k.Name] == nil {
					return nil, fmt.Errorf("the gateway's keys are not those of the spec: they have no %q", k.Name)
				}
				texts = append(texts, fmt.Sprint(h.Key[k.Name]))
			}
			key, err := look.ParseKey(t.group.Keys, texts)
			if err != nil {
				return nil, fmt.Errorf("the gateway's keys are not those of the spec: %w", err)
			}
			keys, c.HotKeys = append(keys, key), append(c.HotKeys, h)
		}
		return keys, nil // another group of the view has much the same
	}
	return nil, nil
}

// tell prints what was seen.
func (c *featureCheck) tell(w io.Writer, t featureTarget) {
	fmt.Fprintf(w, "view %s of store %s\n", c.View, c.Store)
	if c.Reached > 0 {
		fmt.Fprintf(w, "  the store answers, in %.1f ms\n", c.Reached)
	}
	if s := c.Rows; s != nil {
		fmt.Fprintf(w, "  %d of %s are there", s.Found, units.Count(s.Asked, "row"))
		if young, known := s.Ages(0); known {
			old, _ := s.Ages(1)
			fmt.Fprintf(w, ", %v to %v old", young.Round(time.Second), old.Round(time.Second))
		}
		if s.Unaged > 0 {
			fmt.Fprintf(w, "; %d do not say how old they are", s.Unaged)
		}
		if t.group.MaxAge > 0 && s.Found > 0 {
			fmt.Fprintf(w, "; %.1f %% are stale, by the max_age of %v", 100*float64(s.Stale)/float64(s.Found), t.group.MaxAge)
		}
		fmt.Fprintln(w)
		for _, f := range s.Columns {
			fmt.Fprintf(w, "    %-24s %-9s", f.Name, columnType(&t.group.Columns[t.group.Column(f.Name)]))
			if s.Found > 0 {
				fmt.Fprintf(w, " missing %5.1f %%", 100*float64(f.Missing)/float64(s.Found))
			}
			if f.Wrong > 0 {
				fmt.Fprintf(w, ", does not fit %.1f %%", 100*float64(f.Wrong)/float64(s.Found))
			}
			fmt.Fprintln(w)
		}
	} else if c.Reached > 0 && len(c.Faults) == 0 {
		fmt.Fprintln(w, "  no row was looked at: name some with --keys FILE, or take those of a gateway with --hot")
	}
	for _, h := range c.HotKeys {
		var names []string
		for _, k := range t.group.Keys {
			names = append(names, k.Name+" "+fault.Shown(fmt.Sprint(h.Key[k.Name]))) // clients chose it
		}
		fmt.Fprintf(w, "  asked for about %d times lately: %s\n", h.Count, strings.Join(names, ", "))
	}
	for _, f := range c.Faults {
		fmt.Fprintf(w, "  fault: %s\n", f)
	}
}
