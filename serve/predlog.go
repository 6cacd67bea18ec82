package serve

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
	"sluice/internal/telemetry"
	"sluice/models"
	"sluice/predlog"
)

// startPredictionLog begins the record of answers that the settings ask for, if they do.
func (s *Server) startPredictionLog() error {
	p := &s.cfg.PredictionLog
	if p.Dir == "" {
		return nil
	}
	key, err := hashKey(s.cfg)
	if err != nil {
		return err
	}
	o := predlog.Options{
		Dir: p.Dir, Sample: p.Sample, Index: p.Index == "all", MaxBytes: int64(p.MaxBytes), MaxAge: p.MaxAge, Log: s.log,
		Keep: [predlog.NumKinds]int{
			predlog.Failed: int(p.Keep.Failed), predlog.Refused: int(p.Keep.Refused), predlog.Late: int(p.Keep.Late),
			predlog.Degraded: int(p.Keep.Degraded), predlog.Worst: int(p.Keep.Worst),
		},
		Redact: map[string]predlog.Redaction{}, HashKey: key,
	}
	for name, how := range p.Redact {
		o.Redact[name] = redactions[how]
	}
	if s.predictions, err = predlog.Start(o); err != nil {
		return s.cfg.Fault("prediction_log.dir", fmt.Errorf("cannot keep a prediction log in %s: %w", p.Dir, remedy.Written(err)))
	}
	s.metrics.WatchPredictionLog(func() telemetry.PredictionLog { return logState(s.predictions.Stats()) })
	return nil
}

// redactions are the words of the settings.
var redactions = map[string]predlog.Redaction{"drop": predlog.Drop, "hash": predlog.Hash}

// maxKeyBytes bounds the file of the key.
const maxKeyBytes = 4 << 10

// hashKey is the key of redacted inputs, nil where none is hashed.
func hashKey(cfg *config.Config) (key []byte, err error) {
	const setting = "prediction_log.hash_key"
	if cfg.PredictionLog.HashKey == "" {
		return nil, nil
	}
	key, name, err := readSecret(cfg, setting, cfg.PredictionLog.HashKey, "the key of redacted inputs")
	if err != nil {
		return nil, err
	}
	if len(key) < predlog.LeastKey {
		return nil, cfg.Fault(setting, fmt.Errorf("%s has a key of %d bytes: values could be tried; it must have %d or more, such as the output of openssl rand -hex 32", name, len(key), predlog.LeastKey))
	}
	return key, nil
}

// readSecret reads what a setting keeps elsewhere, env:NAME or file:PATH, and returns that name or path too.
func readSecret(cfg *config.Config, setting, where, what string) (secret []byte, name string, err error) {
	from, name, _ := strings.Cut(where, ":")
	if from == "env" {
		return []byte(os.Getenv(name)), name, nil
	}
	if secret, err = prescan.ReadFile(name, maxKeyBytes); err != nil {
		err = cfg.Fault(setting, fmt.Errorf("cannot read %s from %s: %w", what, name, remedy.Named(err)))
	}
	return secret, name, err
}

// secretText is such a secret without the end of its line.
func secretText(cfg *config.Config, setting, where, what string) (string, error) {
	secret, _, err := readSecret(cfg, setting, where, what)
	return string(bytes.TrimRight(secret, "\r\n")), err
}

// checkRedactions warns of names that no model has, since an input with another name is written as it came.
func (s *Server) checkRedactions() {
	known := map[string]bool{}
	for _, i := range s.registry.Index() {
		if i.Report != nil {
			for _, input := range i.Report.Inputs {
				known[input.Name] = true
			}
		}
	}
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(s.cfg.PredictionLog.Redact)) {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 && s.predictions != nil {
		s.log.Warn("inputs that are to be redacted are of no model so far: a name that is misspelt redacts nothing", zap.Strings("prediction_log.redact", unknown))
	}
}

func logState(s predlog.Stats) telemetry.PredictionLog {
	l := telemetry.PredictionLog{
		Seen: s.Seen, Written: s.Written, Waiting: s.Waiting, SpoolBytes: s.SpoolBytes, Files: s.Files, Converting: s.Converting,
	}
	for reason, n := range s.Dropped {
		l.Dropped = append(l.Dropped, telemetry.Dropped{Reason: predlog.Reason(reason).String(), Count: n})
	}
	return l
}

// predictionLogStop is how long the disk may take for the last records, and for their Parquet file, when the server
// stops. What is spooled by then is converted at the next start.
const predictionLogStop = 2 * time.Second

// stopPredictionLog completes the record once nothing is answered any more.
func (s *Server) stopPredictionLog() {
	if s.predictions == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), predictionLogStop)
	defer cancel()
	if err := s.predictions.Close(ctx); err != nil {
		s.log.Warn("the prediction log is completed at the next start", zap.Error(err))
	}
}

// answers turns the gateway's exchanges into records.
type answers struct{ log *predlog.Writer }

func (to answers) ended(x *gateway.Exchange) {
	info, t, o := x.Model.Info(), x.Task, &x.Outcome
	r := predlog.Record{
		ID: x.ID, Arrived: x.Arrived, Model: info.Name, Version: info.Version, Digest: info.Digest, Schema: x.Schema(),
		Device: o.Trace.Device, Reason: o.Trace.Reason, Batch: o.Trace.Batch, Rows: o.Rows,
		Status: predlog.OK, Late: o.Late || o.Overran,
		Budget: o.Budget, Decode: o.Decode, Encode: o.Encode, Total: o.Total,
		Queue: took(o.Trace.Queued, o.Trace.Sealed), Input: took(o.Trace.Sealed, o.Trace.RunStart),
		Run: took(o.Trace.RunStart, o.Trace.RunEnd), Output: took(o.Trace.RunEnd, o.Trace.Done),
	}
	if e := &x.Exposure; e.Known || e.Share > 0 {
		r.Unit = predlog.Unit{Known: e.Known, Hash: e.Hash}
		if x.Asked() == x.Model { // else another than the one that was chosen answers
			r.Unit.Share = e.Share
		}
	}
	switch {
	case x.Fall.Rung != "": // what was chosen has no answer
		if o.Fault == fault.None {
			r.Reason = cmp.Or(r.Reason, x.Fall.Rung)
		}
	case x.Exposure.Canary:
		r.Role = string(models.RoleCanary)
	case !x.Exposure.Named:
		r.Role = string(models.RoleLive)
	}
	if x.Decoded {
		r.Inputs, r.Optional, r.Columns = t.Inputs, t.Optional, info.Columns
		if r.Schema == info.Schema && x.Trail.Rows > 0 {
			r.Trail = &x.Trail
		}
	}
	if o.Fault == fault.None {
		r.Outputs = t.Outputs
	} else {
		r.Status = o.Fault.Code()
		if wire.Status(o.Fault) >= leastFailure {
			r.Kinds = r.Kinds.With(predlog.Failed)
		} else {
			r.Kinds = r.Kinds.With(predlog.Refused)
		}
	}
	if r.Late {
		r.Kinds = r.Kinds.With(predlog.Late)
	}
	if r.Reason != "" || x.Filling.Degraded() {
		r.Kinds = r.Kinds.With(predlog.Degraded)
	}
	to.log.Take(&r)
}

// leastFailure is the least status that blames the server.
const leastFailure = 500

// took is the time between two instants of a trace; 0 if the request did not get to the second.
func took(from, to clock.Instant) time.Duration { return max(to.Sub(from), 0) }
