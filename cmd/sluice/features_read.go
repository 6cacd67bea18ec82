package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/features/load"
	"sluice/features/store"
	"sluice/serve"
)

// storeLimit is how long a store may take until it answers: it connects, and finds out which generation is visible.
const storeLimit = 5 * time.Second

// featuresCheckCommand asks the stores for a sign of life.
func featuresCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Does each feature store answer?",
		Long: `Ask each of the settings' feature_stores for a sign of life. A store that lies on a disk and has no file yet
answers that.

The exit status is 0 if all answer, 1 if one does not.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			silent := 0
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for i := range cfg.FeatureStores {
				f := &cfg.FeatureStores[i]
				said := "answers"
				if err := pingStore(cmd.Context(), func() (store.Store, error) { return serve.FeatureStore(cfg, f.Name, zap.NewNop()) }); err != nil {
					silent++
					said = "DOES NOT ANSWER: " + err.Error()
				}
				fmt.Fprintf(table, "%s\t%s\t%s\n", f.Name, f.Kind, said)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if silent > 0 {
				return fmt.Errorf("%d of %d feature stores do not answer", silent, len(cfg.FeatureStores))
			}
			return nil
		},
	}
	configFlag(cmd)
	return cmd
}

func pingStore(ctx context.Context, open func() (store.Store, error)) error {
	st, err := open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	err = st.Ping(ctx)
	if closed := st.Close(); err == nil {
		err = closed
	}
	return err
}

// featuresGetCommand prints what a store has of an entity.
func featuresGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get SPEC KEY ...",
		Short: "Print what a feature store has of an entity",
		Long: `Print what a feature store has of an entity, with the time at which it became true. The spec is as for load,
and the store may be of any layout: the columns are the features, the view is Feast's or the loader's. There is
a KEY for each of the spec's keys.

  sluice features get users.yaml 1001`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(fmt.Errorf("%s takes SPEC and one KEY or more; --help says more", cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := load.ReadSpec(args[0])
			if err != nil {
				return err
			}
			key, err := spec.Key(args[1:])
			if err != nil {
				return usage(err)
			}
			return withReader(cmd, spec, func(r store.Reader) error {
				rows, err := readSoon(cmd.Context(), r, spec.Group(), key)
				if err != nil {
					return err
				}
				return tellEntity(cmd.OutOrStdout(), rows)
			})
		},
	}
	configFlag(cmd)
	return cmd
}

// featuresDumpCommand prints rows as the file that they could be loaded from.
func featuresDumpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump SPEC KEYS",
		Short: "Print rows of a feature store as CSV",
		Long: `Print the rows of the entities in a Parquet or CSV file, as CSV that load takes with the same spec. The file
has the columns of the spec's keys. The spec's store may be of any layout, so that a view of Feast can be taken to
a store of layout native. Entities that the store does not have are left out.

  sluice features dump users.yaml ids.csv > users.csv`,
		Args: exactArgs("SPEC", "KEYS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := load.ReadSpec(args[0])
			if err != nil {
				return err
			}
			return withReader(cmd, spec, func(r store.Reader) error {
				_, err := load.Dump(cmd.Context(), spec, args[1], soonReader{r, spec.Group()}, cmd.OutOrStdout(), load.Options{})
				return err
			})
		},
	}
	configFlag(cmd)
	return cmd
}

// withReader lends a reader of a spec's view.
func withReader(cmd *cobra.Command, spec *load.Spec, do func(store.Reader) error) error {
	cfg, err := settings(cmd.Flags())
	if err != nil {
		return err
	}
	st, err := serve.FeatureStore(cfg, spec.Store, zap.NewNop())
	if err != nil {
		return err
	}
	r, err := st.Reader(spec.Group())
	if err == nil {
		err = do(r)
	}
	if closed := st.Close(); err == nil {
		err = closed
	}
	return err
}

// soonReader waits for a store that has just been opened, and not longer than storeLimit.
type soonReader struct {
	store.Reader
	group *store.Group
}

// Read reads, again and again while there are errors.
func (r soonReader) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		into.Reset(r.group, len(keys))
		err := r.Reader.Read(ctx, r.Generation(), keys, into)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// readSoon reads the row of one key.
func readSoon(ctx context.Context, r store.Reader, g *store.Group, key store.Key) (*store.Rows, error) {
	rows := new(store.Rows)
	rows.Reset(g, 1)
	return rows, soonReader{r, g}.Read(ctx, 0, []store.Key{key}, rows)
}

// tellEntity prints the only row.
func tellEntity(w io.Writer, rows *store.Rows) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, state := range rows.States(0) {
		c := &rows.Group().Columns[i]
		value := map[store.State]string{store.Missing: "missing", store.Wrong: "WRONG: it is of another type or length"}[state]
		if state == store.Present {
			value = load.Text(rows, 0, i)
		}
		kind := c.Type.String()
		if c.Width > 1 {
			kind += fmt.Sprintf("[%d]", c.Width)
		}
		fmt.Fprintln(table, strings.Join([]string{c.Name, kind, value}, "\t"))
	}
	when := "not known"
	if ns := rows.Time(0); ns != 0 {
		when = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
	}
	fmt.Fprintln(table, "time\t\t"+when)
	return table.Flush()
}
