package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/tensor"
	"sluice/models"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [DIR | MODEL.onnx ...]",
		Short: "Run the gateway",
		Long: `Run the gateway over a folder of models, <name>/<version>/model.onnx or <name>.onnx, or over
single model files. Triton's config.pbtxt is read where model.yaml is silent. Without settings it
serves ./models, if that folder holds models, on 127.0.0.1:8080.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			paths, err := chooseModels(cfg, args)
			if err != nil {
				return err
			}
			log, err := newLog(cfg)
			if err != nil {
				return err
			}
			s, err := newServer(cmd.Context(), cfg, paths, log)
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), func(s *server) { announce(os.Stdout, s) })
		},
	}
	settingFlags(cmd)
	return cmd
}

// announce says what is served, and how to ask for it.
func announce(w io.Writer, s *server) {
	var simplest *tensor.Schema
	var name string
	index := s.registry.Index()
	if len(index) == 0 {
		fmt.Fprintln(w, noModels(s.cfg.Models)+"; the folder is watched, and models that come are loaded")
	}
	for _, status := range index {
		if status.State != models.Ready {
			fmt.Fprintf(w, "%-12s version %-4s not served: %s\n", status.Name, status.Version, status.Reason)
			continue
		}
		v, err := s.registry.Acquire(status.Name, status.Version)
		if err != nil {
			continue // it was unloaded meanwhile
		}
		fmt.Fprintf(w, "%-12s version %-4s ready: %s\n", v.Name, v.Version, summary(v))
		if status.Live && (simplest == nil || simpler(v.Schema, simplest)) {
			simplest, name = v.Schema, v.Name
		}
		v.Release()
	}
	if simplest != nil {
		fmt.Fprintf(w, "\nserving on http://%s; try\n\n  curl -s http://%s/v2/models/%s/infer -d '%s'\n\n", s.predictAddr, s.predictAddr, name, sampleRequest(simplest))
	}
	if s.adminAddr != nil {
		fmt.Fprintf(w, "metrics on http://%s/metrics\n", s.adminAddr)
	}
}

// summary is what a version can do, on one line.
func summary(v *models.Version) string {
	r := v.Report
	if len(r.Curve) == 0 {
		return fmt.Sprintf("budget %s", r.BudgetText())
	}
	if v.Schema.MaxBatch == 0 {
		return fmt.Sprintf("unbatched, %v a request, budget %s", r.Curve.At(1).Round(time.Microsecond), r.BudgetText())
	}
	return fmt.Sprintf("1 row in %v, best %d rows in %v (%.0f rows/s a lane), budget %s",
		r.Curve.At(1).Round(time.Microsecond), r.Target, r.Curve.At(r.Target).Round(time.Microsecond), r.Curve.RowsPerSecond(r.Target), r.BudgetText())
}

// simpler prefers inputs of one size to free ones, and small ones to large.
func simpler(a, b *tensor.Schema) bool {
	if x, y := freeAxes(a), freeAxes(b); x != y {
		return x < y
	}
	return inputSize(a) < inputSize(b)
}

// freeAxes counts the free dimensions of the inputs besides the batch.
func freeAxes(s *tensor.Schema) (n int) {
	for _, in := range s.Inputs {
		for axis, d := range in.OnWire() {
			if d < 0 && (axis > 0 || !s.Batchable()) {
				n++
			}
		}
	}
	return n
}

// inputSize is the elements of the smallest request.
func inputSize(s *tensor.Schema) (n int64) {
	for _, in := range s.Inputs {
		elements, _ := tensor.Elements(sampleShape(in.OnWire()))
		n += elements
	}
	return n
}

// sampleShape puts 1 for every free dimension.
func sampleShape(shape []int64) []int64 {
	sample := make([]int64, len(shape))
	for i, d := range shape {
		sample[i] = max(d, 1)
	}
	return sample
}

// sampleRequest is a small valid request body.
func sampleRequest(s *tensor.Schema) string {
	var b strings.Builder
	b.WriteString(`{"inputs":[`)
	for i, in := range s.Inputs {
		if i > 0 {
			b.WriteByte(',')
		}
		shape := sampleShape(in.OnWire())
		n, _ := tensor.Elements(shape)
		value := "1"
		switch in.Type {
		case tensor.Bool:
			value = "true"
		case tensor.Bytes:
			value = `"a"`
		}
		fmt.Fprintf(&b, `{"name":%q,"datatype":"%s","shape":%s,"data":[%s]}`, in.Name, in.Type,
			strings.ReplaceAll(fmt.Sprint(shape), " ", ","), strings.Repeat(value+",", int(n)-1)+value)
	}
	b.WriteString(`]}`)
	return b.String()
}
