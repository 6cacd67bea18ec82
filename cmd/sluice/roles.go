package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/gateway/http/admin"
	"sluice/internal/ask"
	"sluice/internal/unit"
	"sluice/serve"
)

// roleCommands ask a running gateway which version is what, and change it.
func roleCommands() []*cobra.Command {
	return []*cobra.Command{
		listCommand(), historyCommand(), rolloutCommand(), scoreCommand(), diffCommand(), verifyCommand(),
		roleCommand("promote MODEL VERSION", "Make a version the live one", `Make a version the live one. It is loaded and proven first if it is not. The version that was live stays
loaded, so that rollback takes an instant. A hold, or a rejection of the version, is lifted.`),
		roleCommand("canary MODEL VERSION SHARE", "Give a version a share of the units", `Give a version a share of the units, such as 5% or 0.05, of the requests that name no version. It is loaded
and proven first if it is not. A unit is what a request's header Sluice-Unit says, such as a user, and goes
to one version always. A share that grows keeps its units; 0 ends the canary, promote and rollback do so too.
Clients must not be able to tell the version's inputs and outputs from those of the live one.`),
		shadowCommand(),
		roleCommand("rollback MODEL", "Go back to the version that was live before", `End the canary, if there is one, and reject it. Without a canary, make the version live that was so before, at
once if it is still loaded, and reject the one that is live now. What was rejected is not taken again as the
newest version until it is released or promoted.`),
		roleCommand("hold MODEL", "Keep the live version live", `Keep the live version live, whatever comes into the models folder, until release or promote.`),
		roleCommand("release MODEL", "Lift a hold and rejections", `Lift the hold of a model, and the rejections of its versions. A newer version then becomes live
as the setting model_defaults.promote says.`),
		roleCommand("reject MODEL VERSION", "Never take a version as the newest", `Keep the files of a version from being taken as the newest, whatever its folder is called and however
often it is scanned. The live version cannot be rejected: roll back, or promote another.`),
	}
}

// adminPort is the one that the settings name.
func adminPort(cmd *cobra.Command) (*ask.Admin, error) {
	cfg, err := settings(cmd.Flags())
	if err != nil {
		return nil, err
	}
	token, err := serve.OwnToken(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Admin == "" {
		return nil, cfg.Fault("admin", fmt.Errorf("is empty: name the gateway's admin port"))
	}
	port, err := ask.AdminAt(cfg.Admin, token)
	if err != nil {
		return nil, cfg.Fault("admin", err)
	}
	return port, nil
}

// asksAdmin are the settings that say where the admin port is, and with what to ask it.
func asksAdmin(cmd *cobra.Command) *cobra.Command {
	someSettings(cmd, "admin", "admin_token_file")
	return cmd
}

// roleCommand is a change of one model's roles. Its use names the arguments.
func roleCommand(use, short, long string) *cobra.Command {
	words := strings.Fields(use)
	var reason, key string
	asJSON := false
	cmd := &cobra.Command{
		Use: use, Short: short,
		Long: long + "\n\nThe command prints what the versions are for then. The history has who asked: the name of the token, or local\nwhere none is needed.",
		Args: exactArgs(words[1:]...),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := adminPort(cmd)
			if err != nil {
				return err
			}
			asked := map[string]any{}
			if len(args) > 1 {
				asked["version"] = args[1]
			}
			if len(args) > 2 {
				if asked["share"], err = parseShare(args[2]); err != nil {
					return err
				}
			}
			if reason != "" {
				asked["reason"] = reason
			}
			if key == "" {
				key = rand.Text()
			}
			if off := cmd.Flags().Lookup("off"); off != nil {
				asked["on"] = off.Value.String() != "true"
			}
			var all []admin.Version
			if err := port.Change(cmd.Context(), "/v2/repository/models/"+url.PathEscape(args[0])+"/"+words[0], asked, key, &all); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), standing(args[0], all))
			return err
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "Why, in a sentence, for the history.")
	cmd.Flags().StringVar(&key, "key", "", "A key of your own: a change with a key that was used changes nothing. Default a new one.")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON array of the model's versions, as list does.")
	return asksAdmin(cmd)
}

// shadowCommand begins and ends a shadow.
func shadowCommand() *cobra.Command {
	cmd := roleCommand("shadow MODEL VERSION", "Mirror requests to a version, and compare its answers", `Mirror a share of the requests that name no version to a version as well, in a process of its own, and
compare its answers with those of the live version. Live answers neither wait for it nor change. The version is
loaded and proven first, and is not taken as the newest by itself while it is a shadow. --off ends it; promote
does so too. A shadow that was stopped, such as for what it cost, runs again.

VERSION may be of another model, as NAME:VERSION, if it takes and gives the same. Its role in that model stays
what it is, and only --off ends the shadow.`)
	cmd.Flags().Bool("off", false, "End the shadow.")
	return cmd
}

// parseShare reads a share such as 5% or 0.05.
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if percent {
		share /= 100
	}
	buckets, ok := unit.Share(share)
	if err != nil || !ok {
		return 0, usage(fmt.Errorf("the share %.40q is not from 0 to 1 or from 0%% to 100%%, in steps of 0.01%%", text))
	}
	return unit.OfBuckets(buckets), nil
}

// percent is a share in words.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 6, 64) + "%" }

// listCommand prints the versions and their roles.
func listCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: "list", Short: "List the versions of a running gateway, and what each is for",
		Long: `List the versions of a running gateway: their states, their roles, and the digests of their files.
A previous version that is not READY has to be loaded before a rollback is done.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			port, err := adminPort(cmd)
			if err != nil {
				return err
			}
			var all []admin.Version
			if err := port.Get(cmd.Context(), "/v2/repository/versions", &all); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(os.Stdout, all)
			}
			return printVersions(os.Stdout, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON array of the versions.")
	return asksAdmin(cmd)
}

func printVersions(w io.Writer, all []admin.Version) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tVERSION\tSTATE\tROLE\tDIGEST\tREASON")
	for _, v := range all {
		role := v.Role
		if v.Share > 0 {
			role += " " + percent(v.Share)
		}
		if v.Held {
			role += ", held"
		}
		if v.Plan != "" {
			role += ", plan: " + v.Plan
		}
		if len(v.ShadowedBy) > 0 {
			role += ", shadowed by " + strings.Join(v.ShadowedBy, " and ")
		}
		if len(v.ShadowOf) > 0 {
			role = strings.TrimPrefix(role+", shadow of "+strings.Join(v.ShadowOf, " and "), ", ")
		}
		fmt.Fprintln(table, strings.Join([]string{v.Model, v.Version, v.State, cmp.Or(role, "-"), cmp.Or(shortDigest(v.Digest), "-"), v.Reason}, "\t"))
	}
	return table.Flush()
}

// historyCommand prints what was changed.
func historyCommand() *cobra.Command {
	asJSON, most := false, 20
	cmd := &cobra.Command{
		Use: "history [MODEL]", Short: "Print who changed which version's role, and when",
		Long: `Print who changed which version's role, and when, the newest first.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("%s takes one MODEL at most, not %q; --help says more", cmd.CommandPath(), strings.Join(args, " ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := adminPort(cmd)
			if err != nil {
				return err
			}
			query := url.Values{"most": {strconv.Itoa(most)}}
			if len(args) > 0 {
				query.Set("model", args[0])
			}
			var all []admin.Change
			if err := port.Get(cmd.Context(), "/v2/repository/history?"+query.Encode(), &all); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(os.Stdout, all)
			}
			return printHistory(os.Stdout, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON array of the changes.")
	cmd.Flags().IntVar(&most, "most", most, "How many changes, from 1 to 10000.")
	return asksAdmin(cmd)
}

func printHistory(w io.Writer, all []admin.Change) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TIME\tWHO\tACTION\tMODEL\tVERSION\tFROM\tREASON")
	for _, c := range all {
		action := c.Action
		if c.Share > 0 {
			action += " " + percent(c.Share)
		}
		fmt.Fprintln(table, strings.Join([]string{c.Time.UTC().Format(time.RFC3339), c.Who, action, cmp.Or(c.Model, "-"), cmp.Or(c.Version, "-"), cmp.Or(c.From, "-"), c.Reason}, "\t"))
	}
	return table.Flush()
}

// shortDigest is as much of a digest as tells versions apart.
func shortDigest(digest string) string { return digest[:min(len(digest), 12)] }
