package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sluice/models"
	"sluice/models/bundle"
	"sluice/serve"
)

// modelsCommand holds what is done to bundles where they lie, and to the roles of versions.
func modelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "Look after models: their files, and which version is live",
		Long: `Look after models: their files, and which version is live.

  sluice models pin DIR                write each version's digests down
  sluice models pin --check DIR        is each version as it was then?

  sluice models list                   which versions there are, and what for
  sluice models diff MODEL A B         what version B changes against A
  sluice models verify [MODEL]         are the files still what was proven?
  sluice models promote MODEL VERSION  make a version the live one
  sluice models canary MODEL VERSION SHARE
                                       give a version a share of the units
  sluice models rollback MODEL         end the canary, or go back
  sluice models hold MODEL             keep the live version live
  sluice models release MODEL          lift the hold, and rejections
  sluice models reject MODEL VERSION   never take a version as the newest
  sluice models history [MODEL]        who changed what, and when
  sluice models plan MODEL             how far is a version on its way?
  sluice models score MODEL[:V]        which proofs has a version?

The commands after the first two ask the admin port of a running gateway.`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(pinCommand())
	cmd.AddCommand(roleCommands()...)
	return cmd
}

// pinCommand writes the digests of bundles.
func pinCommand() *cobra.Command {
	check := false
	cmd := &cobra.Command{
		Use:   "pin [DIR | MODEL.onnx ...]",
		Short: "Write the digests of each version's files into its model.yaml",
		Long: `Hash the files of every version and write their digests, as sha256sum prints them, under sha256
into its model.yaml, which is made if it is not there. From then on a version of which a byte has
changed is refused with the name of the file. model.yaml has a digest too: that of its text without
the line that says it. Pin again after every wanted change; what is pinned already stays as it is.

A model file without a folder of its own, NAME.onnx, has no model.yaml: move it to NAME/1/model.onnx
first.

A server that watches the folder takes a pinned model.yaml for a change of the version: it goes on
serving what it has loaded, and says so in its log.

The exit status is 0 if every version is pinned, 1 if one is not or could not be.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			paths, err := chooseModels(cfg, args)
			if err != nil {
				return err
			}
			bundles, faults, err := models.Find(models.Options{Dir: cfg.Models, Paths: paths})
			if err != nil {
				return err
			}
			for _, fault := range faults {
				fmt.Fprintln(os.Stderr, "sluice:", fault)
			}
			if len(bundles) == 0 {
				return errors.New(serve.NoModels(cfg.Models))
			}
			if n := pinAll(bundles, check); n > 0 {
				return fmt.Errorf("%d of %d versions are not pinned", n, len(bundles))
			}
			return nil
		},
	}
	someSettings(cmd, "models")
	cmd.Flags().BoolVar(&check, "check", false, "Write nothing, and say which versions are not pinned or not as they were pinned.")
	return cmd
}

// pinAll pins bundles or looks at their pins, says what came of it, and counts those that are not.
func pinAll(bundles []*bundle.Bundle, check bool) (unpinned int) {
	for _, b := range bundles {
		state, err := b.Pin(!check)
		text := fmt.Sprintf("pinned, %d files", state.Files)
		switch {
		case err != nil:
			text = "NOT PINNED: " + err.Error()
		case state.Off != "" && (check || state.Files == 0):
			text = "NOT PINNED: " + state.Off
		case state.Off != "":
			text = fmt.Sprintf("pinned now, %d files: before, %s", state.Files, state.Off)
		}
		fmt.Printf("%-12s %s\n", b.Label(), text)
		if err != nil || state.Off != "" && (check || state.Files == 0) {
			unpinned++
		}
	}
	return unpinned
}
