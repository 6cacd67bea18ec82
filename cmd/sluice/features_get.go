package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/features/look"
	"sluice/features/store"
	"sluice/internal/fault"
)

// featuresGetCommand prints rows.
func featuresGetCommand() *cobra.Command {
	group, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "get SPEC KEY...",
		Short: "Print the features of entities as a store has them",
		Long: `Print the rows of entities: each value or why there is none, how old the row is, and which store has it.

SPEC is a file as features load takes it, whose name ends in .yaml, or a model: MODEL.onnx, or its folder.
KEY is the value that names an entity, or the values in the order of the keys, with commas between:

  sluice features get users.yaml 42 43
  sluice features get ranker/1/model.onnx --group user 42

The exit status is 1 if a row is not there.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(fmt.Errorf("get takes SPEC and one KEY or more, and has %d arguments; sluice features get --help says more", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, t, err := targetOf(cmd, args[0], group)
			if err != nil {
				return err
			}
			keys, err := argKeys(t.group.Keys, args[1:])
			if err != nil {
				return usage(err)
			}
			return getRows(cmd.Context(), cfg, t, keys, cmd.OutOrStdout(), asJSON)
		},
	}
	groupFlag(cmd, &group)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON object for each row, on a line.")
	someSettings(cmd, "onnxruntime.library")
	return cmd
}

// getRows prints the rows of keys.
func getRows(ctx context.Context, cfg *config.Config, t featureTarget, keys []store.Key, w io.Writer, asJSON bool) error {
	found := 0
	err := withStore(ctx, cfg, t.store, func(ctx context.Context, st store.Store) error {
		return readRows(ctx, st, t, keys, func(keys []store.Key, rows *store.Rows) error {
			for i, key := range keys {
				if look.Found(rows, i) {
					found++
				}
				if !asJSON {
					tellRow(w, t, key, rows, i)
				} else if err := json.NewEncoder(w).Encode(newFeatureRow(t, key, rows, i)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err == nil && found < len(keys) {
		err = fmt.Errorf("store %s has %d of the %d rows", t.store, found, len(keys))
	}
	return err
}

// argKeys are those of the command line, each once.
func argKeys(columns []store.KeyColumn, args []string) (keys []store.Key, err error) {
	seen := map[string]bool{}
	for _, arg := range args {
		texts := []string{arg}
		if len(columns) > 1 {
			texts = strings.Split(arg, ",")
		}
		key, err := look.ParseKey(columns, texts)
		if err != nil {
			return nil, fmt.Errorf("key %.60q: %w", arg, err)
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// featureRow is a row as JSON.
type featureRow struct {
	Store string         `json:"store"`
	View  string         `json:"view"`
	Key   map[string]any `json:"key"`
	Found bool           `json:"found"`
	// Time is when the values became true, empty if that is not known.
	Time string `json:"time,omitempty"`
	// Values are those that are there, Wrong the features whose values do not fit.
	Values map[string]json.RawMessage `json:"values"`
	Wrong  []string                   `json:"wrong,omitempty"`
}

func newFeatureRow(t featureTarget, key store.Key, rows *store.Rows, i int) *featureRow {
	r := &featureRow{Store: t.store, View: t.group.View, Key: look.KeyValues(t.group.Keys, key), Found: look.Found(rows, i), Time: rowTime(rows, i), Values: map[string]json.RawMessage{}}
	for c, state := range rows.States(i) {
		name := t.group.Columns[c].Name
		switch state {
		case store.Present:
			r.Values[name] = look.JSON(rows, i, c)
		case store.Wrong:
			r.Wrong = append(r.Wrong, name)
		}
	}
	return r
}

func rowTime(rows *store.Rows, i int) string {
	if rows.Time(i) == 0 {
		return ""
	}
	return time.Unix(0, rows.Time(i)).UTC().Format(time.RFC3339Nano)
}

// tellRow prints a row for people.
func tellRow(w io.Writer, t featureTarget, key store.Key, rows *store.Rows, i int) {
	var names []string
	for k, text := range look.KeyTexts(t.group.Keys, key) {
		names = append(names, t.group.Keys[k].Name+" "+fault.Shown(text))
	}
	fmt.Fprintf(w, "%s in view %s of store %s: ", strings.Join(names, ", "), t.group.View, t.store)
	if !look.Found(rows, i) {
		fmt.Fprintln(w, "not there")
		return
	}
	if age, known := look.Age(rows, i, time.Now()); known {
		fmt.Fprintf(w, "%v old, of %s\n", age.Round(time.Second), rowTime(rows, i))
	} else {
		fmt.Fprintln(w, "of unknown age")
	}
	for c, state := range rows.States(i) {
		text := look.Value(rows, i, c)
		switch state {
		case store.Wrong:
			text = "does not fit: it must be " + columnType(&t.group.Columns[c])
		case store.Missing:
			text = "missing"
		}
		fmt.Fprintf(w, "  %-24s %s\n", t.group.Columns[c].Name, text)
	}
}

func columnType(c *store.Column) string {
	if c.Width == 1 {
		return c.Type.String()
	}
	return fmt.Sprintf("%s[%d]", c.Type, c.Width)
}
