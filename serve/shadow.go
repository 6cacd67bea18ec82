package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"sluice/compare"
	"sluice/compare/sequence"
	"sluice/compare/tax"
	"sluice/config"
	"sluice/internal/device"
	"sluice/internal/telemetry"
	"sluice/rollout"
	"sluice/shadow"
)

// shadowOptions are those of the mirror.
func (s *Server) shadowOptions() shadow.Options {
	o := &s.cfg.Shadow
	options := shadow.Options{
		Sample: o.Sample, Again: o.Again, Rows: o.MaxRows, Bytes: int(o.MaxBytes), Memory: int64(o.Memory), InFlight: o.InFlight, Timeout: o.Timeout,
		Keeps: s.roles.Holds, Live: liveLoad{s}, Command: s.candidateCommand, NewStudy: s.newStudy, Log: s.log,
	}
	if dir := StateDir(s.cfg); dir != "" && s.forgetful == "" {
		options.Dir = filepath.Join(dir, "shadow")
	}
	if o.Tax.Measure {
		options.NewTax = func() shadow.Tax { return newTaxes(o) }
	}
	return options
}

// startShadow makes the mirror, and has it follow the roles.
func (s *Server) startShadow(o shadow.Options) {
	s.mirror = shadow.New(o)
	s.metrics.WatchShadows(s.shadowStates)
	ctx, cancel := context.WithCancel(context.Background())
	s.unfollow, s.unfollowed = cancel, make(chan struct{})
	go s.followShadows(ctx)
}

// followShadows has the mirror know which candidates there are.
func (s *Server) followShadows(ctx context.Context) {
	defer close(s.unfollowed)
	for {
		changed := s.registry.Changed()
		if subjects, ok := s.subjects(); ok {
			s.mirror.Follow(subjects)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// subjects are what is to be compared; false if a live version has just changed, which the next change tells.
func (s *Server) subjects() (all []shadow.Subject, ok bool) {
	for _, p := range s.registry.Shadows() {
		v, err := s.registry.Acquire(p.Model, p.Primary.Version)
		if err != nil {
			return nil, false
		}
		text, err := json.Marshal([]any{v.Config.Comparisons(), v.Config.Tolerance})
		v.Release()
		if err != nil {
			s.log.Error("settings of comparisons have no JSON", zap.String("model", p.Model), zap.Error(err))
		}
		all = append(all, shadow.Subject{
			Model: p.Model, Of: p.Of, Primary: shadow.Side(p.Primary), Candidate: shadow.Side(p.Candidate), Settings: fmt.Sprintf("%x", sha256.Sum256(text)),
		})
	}
	return all, true
}

// stopShadow ends the comparisons; their state is kept.
func (s *Server) stopShadow() {
	if s.mirror == nil {
		return
	}
	s.unfollow()
	<-s.unfollowed
	s.mirror.Close()
}

// liveLoad is what the mirror has to know of live requests.
type liveLoad struct{ s *Server }

func (l liveLoad) Waiting() bool { return l.s.batcher.Waiting() }

func (l liveLoad) Load() (most float64) {
	for _, d := range l.s.batcher.Devices() {
		most = max(most, d.Load)
	}
	return most
}

// study is a comparison as the mirror sees it.
type study struct{ *compare.Study }

func (s study) Add(p *shadow.Pair) error { return s.Study.Add((*compare.Sample)(p)) }

func (s study) Hungry() bool { return !s.NoiseKnown() }

func (s study) Save() (sums, units []byte, err error) {
	if units, err = s.MarshalUnits(); err == nil {
		sums, err = s.MarshalJSON()
	}
	return sums, units, err
}

func (s study) Judged() (all []shadow.Judged) {
	for _, j := range s.Study.Judged() {
		all = append(all, shadow.Judged{Criterion: j.Name, Verdict: string(j.Verdict), Sentence: j.Sentence, Units: j.Units})
	}
	return all
}

func (s study) Report(c *shadow.Coverage) (any, error) {
	lost := map[string]int64{}
	for reason, n := range c.Dropped {
		lost[reason] = int64(n)
	}
	return s.Study.Report(compare.Coverage{Mode: "live", Sampled: int64(c.Seen - c.Waiting), Dropped: lost, TooLarge: c.TooLarge}), nil
}

// shadows is what plans have to know of the mirror.
type shadows struct{ s *Server }

// Evidence is that of a version of the model itself that is shadowed. One whose comparison has not begun yet has no units.
func (a shadows) Evidence(model, version string) (units int64, judged []rollout.Judgement, why string) {
	if a.s.cfg.Shadow.Sample == 0 {
		return 0, nil, "shadow.sample is 0; set it, or rollout.skip_shadow to begin with the canary"
	}
	for _, c := range a.s.mirror.Snapshots() {
		if c.Model != model || c.Name() != version {
			continue
		}
		if c.State == shadow.Halted {
			return 0, nil, "its comparison was stopped: sluice models shadow says why"
		}
		for _, j := range c.Judged {
			units = max(units, j.Units)
			judged = append(judged, rollout.Judgement{Name: j.Criterion, Sentence: j.Sentence, Verdict: sequence.Verdict(j.Verdict)})
		}
	}
	return units, judged, ""
}

// newStudy begins a comparison by the settings of the model's live version, or goes on with one.
func (s *Server) newStudy(of *shadow.Subject, sums, units []byte) (shadow.Study, error) {
	v, err := s.registry.Acquire(of.Model, of.Primary.Version)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	o := compare.Options{
		Model: of.Model, Schema: v.Schema, Outputs: v.Config.Outputs, Criteria: v.Config.Criteria, Segments: v.Config.Segments, Tolerance: v.Config.Tolerance,
		Primary:   compare.Version{Name: of.Model, Version: of.Primary.Version, Digest: of.Primary.Digest},
		Candidate: compare.Version{Name: of.CandidateModel(), Version: of.Candidate.Version, Digest: of.Candidate.Digest},
		Again:     s.cfg.Shadow.Again > 0,
	}
	if sums != nil {
		again, err := compare.Restore(o, sums, units)
		return study{again}, err
	}
	begun, err := compare.New(o)
	return study{begun}, err
}

// taxes is what candidates cost, as the mirror sees it.
type taxes struct{ *tax.Account }

func newTaxes(o *config.Shadow) taxes {
	return taxes{tax.New(tax.Limits{P99: o.Tax.P99, CPU: o.Tax.CPU})}
}

func (t taxes) Add(p *shadow.TaxPair) string {
	t.Account.Add(&tax.Pair{On: tax.Slice(p.On), Off: tax.Slice(p.Off), Candidates: p.Candidates})
	return t.Exceeded()
}

func (t taxes) Report() any { return t.Account.Report() }

// candidateCommand starts this program again as a candidate's process.
func (s *Server) candidateCommand(of *shadow.Subject, socket string) (*exec.Cmd, error) {
	text, err := json.Marshal(candidateOrder{
		Settings: s.candidateSettings(), Paths: s.o.Paths, Subject: *of, Socket: socket, Version: s.o.Version, Library: s.library,
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe", candidateName) // not os.Executable: the file may have been replaced since this process started
	cmd.Stdin = bytes.NewReader(text)
	// One processor for all of its Go code: it has to be cheap, not fast. It also keeps its lanes from being bound to cores.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return cmd, nil
}

// candidateSettings are those of a candidate's process: the gateway's own, without what others see of it or what it keeps.
func (s *Server) candidateSettings() *config.Config {
	c, d := *s.cfg, config.Default()
	c.Listen, c.Admin, c.MetricsListen, c.AdminHosts, c.AdminTokenFile, c.AdminTokensFile, c.AdminInsecure = d.Listen, "", "", nil, "", "", false
	c.BasePath, c.State, c.Require, c.FeatureStores = "", NoState, nil, nil
	c.PredictionLog, c.AccessLog, c.Record, c.Shadow = d.PredictionLog, d.AccessLog, d.Record, d.Shadow
	c.Limits.Memory = s.cfg.Shadow.Memory
	c.Scheduler.CPULanes = 1
	c.Drain = config.Drain{}
	c.ModelDefaults.KeepVersions, c.ModelDefaults.KeepPrevious = 2, true
	names := s.cfg.Shadow.Devices
	if len(names) == 0 {
		names = []string{device.CPU.String()}
	}
	c.Devices = nil
	for _, name := range names {
		if at := slices.IndexFunc(s.cfg.Devices, func(d config.Device) bool { return d.Name == name }); at >= 0 {
			c.Devices = append(c.Devices, s.cfg.Devices[at])
		} else {
			c.Devices = append(c.Devices, config.DefaultDevice(name))
		}
	}
	return &c
}

// shadowStates are what the metrics say of candidates.
func (s *Server) shadowStates() (all []telemetry.Shadow) {
	for _, c := range s.mirror.Snapshots() {
		t := telemetry.Shadow{Model: c.Model, Version: c.Name(), Up: c.State == shadow.Up, Restarts: c.Restarts, Resident: c.Resident, RingFull: c.RingFull}
		for l := range c.Counts {
			n := &c.Counts[l]
			level := telemetry.ShadowLevel{Load: shadow.Level(l).String(), Seen: n.Seen, Compared: n.Compared}
			for why, k := range n.Dropped {
				level.Dropped = append(level.Dropped, telemetry.Dropped{Reason: shadow.Reason(why).String(), Count: k})
			}
			for why, k := range n.Failed {
				level.Failed = append(level.Failed, telemetry.Dropped{Reason: shadow.Failure(why).String(), Count: k})
			}
			t.Levels = append(t.Levels, level)
		}
		for _, j := range c.Judged {
			t.Verdicts = append(t.Verdicts, telemetry.ShadowVerdict{Criterion: j.Criterion, Verdict: j.Verdict})
		}
		all = append(all, t)
	}
	return all
}

// shadowControl is what the admin port sees of the mirror.
type shadowControl struct{ s *Server }

// Reports are the comparisons of a model.
func (c shadowControl) Reports(model string) (any, error) {
	v, err := c.s.registry.Acquire(model, "")
	if err != nil {
		return nil, err
	}
	v.Release()
	all := []shadowReport{}
	for _, r := range c.s.mirror.Reports(model) {
		one := shadowReport{Shadow: r}
		if report, ok := r.Study.(*compare.Report); ok {
			one.Report, one.Shadow.Study = report, nil
			report.Coverage.Stands = r.Stands()
			if figures, ok := r.Tax.(*tax.Figures); ok {
				report.Tax = figures.Summary()
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// shadowReport is a comparison's report, and what is known of the mirror and of the shadow's process beside it.
type shadowReport struct {
	*compare.Report
	Shadow shadow.Report `json:"shadow"`
}

// Pause freezes all candidates, or lets them go on.
func (c shadowControl) Pause(yes bool) { c.s.mirror.Pause(yes) }
