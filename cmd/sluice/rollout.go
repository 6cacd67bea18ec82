package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sluice/gateway/http/admin"
)

// rolloutCommand prints how far the plan of a model is.
func rolloutCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: "plan MODEL", Short: "Show how far a version is on its way to be live by itself",
		Long: `Show how far the plan of a model is (promote: plan): which version has it, in which phase and step, what
was counted in this step, and why it is there. At LOOK it stands for a person: promote makes the version
live, rollback or reject ends the plan, and release lets it begin again.`,
		Args: exactArgs("MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := adminPort(cmd)
			if err != nil {
				return err
			}
			var p admin.Plan
			if err := port.Get(cmd.Context(), modelPath(args[0], "plan"), &p); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(os.Stdout, p)
			}
			printPlan(os.Stdout, &p)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object.")
	return asksAdmin(cmd)
}

func printPlan(w io.Writer, p *admin.Plan) {
	if p.Version == "" {
		fmt.Fprintf(w, "%s: no version has a plan\n", p.Model)
	} else {
		phase := p.Phase
		if p.Phase == "look" {
			phase = "LOOK: it stands, for a person"
		}
		fmt.Fprintf(w, "%s version %s: %s\n", p.Model, p.Version, phase)
		fmt.Fprintf(w, "  since   %s\n", p.Since.UTC().Format(time.RFC3339))
		fmt.Fprintf(w, "  why     %s\n", p.Why)
	}
	if p.Until != nil {
		fmt.Fprintf(w, "  until   %s no other version begins\n", p.Until.UTC().Format(time.RFC3339))
	}
	for i, s := range p.Steps {
		mark := "    "
		if p.Phase == "canary" && i+1 == p.Step {
			mark = "  > "
		}
		fmt.Fprintf(w, "%sstep %d  %s of the units, at least %v and %d units\n", mark, i+1, percent(s.Share), time.Duration(s.Time*float64(time.Second)), s.Units)
	}
	for _, a := range []struct {
		name string
		arm  *admin.PlanArm
	}{{"canary", p.Canary}, {"live", p.Live}} {
		if a.arm != nil {
			fmt.Fprintf(w, "  %-7s %d units, %d of %d requests failed, mean of the first output %.4g\n", a.name, a.arm.Units, a.arm.Failed, a.arm.Requests, a.arm.Mean)
		}
	}
	if p.Canary != nil {
		fmt.Fprintf(w, "  watched %v\n", time.Duration(p.Watched*float64(time.Second)).Round(time.Second))
	}
	if p.NotFinite+p.Lost > 0 {
		fmt.Fprintf(w, "  not finite where the live version is: %d; not counted: %d\n", p.NotFinite, p.Lost)
	}
	for _, j := range p.Judged {
		fmt.Fprintf(w, "  %-5s %s: %s\n", j.Verdict, j.Name, j.Sentence)
	}
	if p.Version != "" && !p.Runs {
		fmt.Fprintln(w, "  another gateway holds the lease and runs the plan, on its own units: ask it for the figures")
	}
}
