package serve

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"sluice/config"
	"sluice/internal/device"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/shadow"
)

// candidateCommand starts this program again as a candidate's process.
func (s *Server) candidateCommand(of *shadow.Subject, socket string) (*exec.Cmd, error) {
	text, err := json.Marshal(candidateOrder{
		Settings: s.candidateSettings(of.Mode), Paths: s.o.Paths, Subject: *of, Socket: socket, Version: s.o.Version, Library: s.library,
		Patience: patience(of, s.cfg.Shadow.Timeout),
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

// candidateSettings are those of a candidate's process: the gateway's own, without what others see of it or what it keeps. Stores are for a
// candidate that fills its inputs itself.
func (s *Server) candidateSettings(mode shadow.Mode) *config.Config {
	c, d := *s.cfg, config.Default()
	c.Listen, c.Admin, c.MetricsListen, c.AdminHosts, c.AdminTokenFile, c.AdminTokensFile, c.AdminInsecure = d.Listen, "", "", nil, "", "", false
	c.BasePath, c.State, c.Require = "", NoState, nil
	if mode != shadow.Pipeline {
		c.FeatureStores = nil
	}
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

// mostPatience is how long a candidate that fills its inputs itself waits for a store, where its group's budget is not longer still. Its
// process has the lowest priority, so that a read may wait for a processor: by the live budget it would have defaults that live requests
// would not have.
const mostPatience = time.Second

// patience is that time for a candidate of the settings: it leaves some of what the candidate has for an answer.
func patience(of *shadow.Subject, timeout time.Duration) time.Duration {
	if of.Mode != shadow.Pipeline {
		return 0
	}
	return min(mostPatience, timeout/2)
}

// fills tells whether inputs of a version are filled.
func (s *Server) fills(name, version string) bool {
	v, err := s.registry.Acquire(name, version)
	if err != nil {
		return false
	}
	defer v.Release()
	return v.Features != nil
}

// unsplit says why the candidate cannot be asked with the primary's inputs; empty if it can, or if a version is not there.
func (s *Server) unsplit(of *shadow.Subject) string {
	primary, err := s.registry.Acquire(of.Model, of.Primary.Version)
	if err != nil {
		return ""
	}
	defer primary.Release()
	candidate, err := s.registry.Acquire(of.CandidateModel(), of.Candidate.Version)
	if err != nil {
		return ""
	}
	defer candidate.Release()
	return inputsOf(primary.Schema).Difference(inputsOf(candidate.Schema))
}

// inputsOf is a schema without outputs, with its inputs in the order of their names: that is how a candidate is asked.
func inputsOf(s *tensor.Schema) *tensor.Schema {
	all := *s
	all.Inputs, all.Outputs = slices.SortedFunc(slices.Values(s.Inputs), byName), nil
	all.Optional = slices.SortedFunc(slices.Values(s.Optional), byName)
	return &all
}

func byName(a, b tensor.Spec) int { return strings.Compare(a.Name, b.Name) }

// settingsOf are what a comparison depends on. With others it begins anew.
func settingsOf(c *bundle.Config) []any {
	all := []any{c.Comparisons(), c.Tolerance}
	if most := mostDefaults(c); most > 0 {
		all = append(all, most)
	}
	return all
}

// mostDefaults is the limit of the default criterion on defaults, for shadows that fill their inputs themselves: the one that the model's canaries
// have.
func mostDefaults(c *bundle.Config) float64 {
	if c.Shadow != bundle.ShadowPipeline || c.Rollout == nil {
		return 0
	}
	return c.Rollout.Defaults
}
