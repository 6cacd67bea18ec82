package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/config"
	"sluice/internal/ask"
	"sluice/internal/oip/client"
	"sluice/internal/telemetry"
	"sluice/internal/tensor"
	"sluice/internal/wrap"
	"sluice/loadtest/live"
	"sluice/models"
	"sluice/serve"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [DIR | MODEL.onnx ...]",
		Short: "Run the gateway",
		Long: `Run the gateway over a folder of models, <name>/<version>/model.onnx or <name>.onnx, or over
single model files. Triton's config.pbtxt is read where model.yaml is silent. Without settings it
serves ./models, if that folder holds models, on 127.0.0.1:8080.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := serverSettings(cmd.Flags())
			if err != nil {
				return err
			}
			paths, err := chooseModels(cfg, args)
			if err != nil {
				return err
			}
			return runServer(cmd.Context(), serve.Options{Config: cfg, Paths: paths})
		},
	}
	settingFlags(cmd)
	return cmd
}

// runServer runs a gateway until the context ends.
func runServer(ctx context.Context, o serve.Options) error {
	hangups, out := surviveReaders(), unblocked(os.Stderr)
	log, spool, err := newLog(o.Config, out)
	if err != nil {
		return err
	}
	defer spool.Close(logStop)
	for _, text := range serve.StrayVariables(os.Environ()) {
		log.Warn("a variable means nothing", zap.String("reason", text))
	}
	o.Version, o.Log, o.Blind = version, log, blind == "yes"
	s, err := serve.New(ctx, o)
	if err != nil {
		return err
	}
	s.WatchLog(spool.Dropped)
	go func() {
		for range hangups {
			s.ReopenLogs()
		}
	}()
	return s.Run(ctx, func() {
		log.Info("serving", zap.Stringer("predict", s.Addr()), zap.Stringer("admin", orNone{s.AdminAddr()}), zap.Stringer("metrics", orNone{s.MetricsAddr()}))
		// What follows is for people; a pipe gets what the log says, and nothing twice.
		if tty, _ := live.Terminal(os.Stdout); tty {
			announce(os.Stdout, s, o.Config)
		}
	})
}

// orNone is an address, or that there is none.
type orNone struct{ net.Addr }

func (a orNone) String() string {
	if a.Addr == nil {
		return "none"
	}
	return a.Addr.String()
}

// announce says what is served, and how to ask for it, as soon as the terminal takes it.
func announce(terminal *os.File, s *serve.Server, cfg *config.Config) {
	w := telemetry.NewSpool(unblocked(terminal))
	w.Start(func(uint64) {})
	defer w.Close(logStop) // a terminal that has stopped gets it when it goes on
	var simplest *tensor.Schema
	var name string
	index := s.Registry().Index()
	if len(index) == 0 {
		fmt.Fprintln(w, serve.NoModels(cfg.Models)+"; the folder is watched, and models that come are loaded")
	}
	for _, status := range index {
		if status.State != models.Ready {
			announceOne(w, status.Name, status.Version, "not served: "+status.Reason)
			continue
		}
		v, err := s.Registry().Acquire(status.Name, status.Version)
		if err != nil {
			continue // it was unloaded meanwhile
		}
		announceOne(w, v.Name, v.Version, "ready: "+summary(v))
		if status.Live && client.NoSample(v.Schema) == "" && (simplest == nil || client.Simpler(v.Schema, simplest)) {
			simplest, name = v.Schema, v.Name
		}
		v.Release()
	}
	base := ask.URL(s.Addr().String(), cfg.BasePath)
	fmt.Fprintf(w, "\nserving on %s\n", base)
	if simplest != nil {
		fmt.Fprintf(w, "try:\n\n%s\n\n", tryIt(base, name, simplest))
	}
	if addr := cmp.Or(s.MetricsAddr(), s.AdminAddr()); addr != nil {
		fmt.Fprintf(w, "metrics on http://%s/metrics\n", addr)
	}
}

// announceOne says of one version what became of it, as wide as the terminal.
func announceOne(w io.Writer, name, version, text string) {
	const indent = 12
	lines := []string{text}
	if width := columns(os.Stdout); width > 0 {
		lines = wrap.Lines(text, width-indent-1)
	}
	fmt.Fprintf(w, "%-*s %s\n", indent, name+"/"+version, strings.Join(lines, "\n"+strings.Repeat(" ", indent+1)))
}

// maxInline is the longest request that is printed: with the command around it, it fits a screen.
const maxInline = 200

// tryIt is a command that sends a request to a model, by way of a file if the request is long.
func tryIt(base, name string, s *tensor.Schema) string {
	address := base + "/v2/models/" + url.PathEscape(name) + "/infer"
	if client.SampleSize(s) < maxInline {
		var request strings.Builder
		if client.WriteSample(&request, s); request.Len() <= maxInline {
			// Lines between the members of the object, so that it fits a terminal and can be copied.
			body := strings.NewReplacer(`,"data":`, ",\n    \"data\":", `},{"name":`, "},\n   {\"name\":").Replace(request.String())
			return fmt.Sprintf("  curl -s %s -d %s", inShell(address), inShell("\n  "+body))
		}
	}
	listen, path, _ := strings.Cut(strings.TrimPrefix(base, "http://"), "/")
	flags := ""
	if standard := config.Default().Listen; listen != standard {
		flags += " --listen " + inShell(listen)
	}
	if path != "" {
		flags += " --base-path " + inShell("/"+path)
	}
	return fmt.Sprintf("  %s sample %s%s > request.json\n  curl -s %s -d @request.json", inShell(os.Args[0]), name, flags, inShell(address))
}

// inShell quotes a word that a shell would take apart or look for files with, as the brackets of
// an IPv6 address.
func inShell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./:@%+,-", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
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
	return fmt.Sprintf("1 row in %v, best %d in %v (%.0f rows/s a lane), budget %s",
		r.Curve.At(1).Round(time.Microsecond), r.Target, r.Curve.At(r.Target).Round(time.Microsecond), r.Curve.RowsPerSecond(r.Target), r.BudgetText())
}
