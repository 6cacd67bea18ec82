package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"sluice/gateway/http/admin"
	"sluice/internal/ask"
	"sluice/internal/onnxgen"
	"sluice/test/rig"
)

// model is the name of the model that is served, and width that of its rows.
const (
	model = "small"
	width = 32
)

// network is the graph of a version: the same for all, with other weights. A row takes so long to run that the clients on the
// same cores are a small part of the load.
func network(version int) onnxgen.MLP {
	return onnxgen.MLP{Layers: []int{width, 1024, 4}, Repeat: 3, Seed: uint64(version)}
}

// stage is a gateway that serves two versions of a model, and what is known of it.
type stage struct {
	*rig.Gateway
	plan
	dir  string // of its models and its state
	port *ask.Admin

	answers  *answers
	addr     netip.AddrPort
	other    bool   // version 2 is live, and not version 1
	runs     uint64 // of traffic so far
	capacity float64
}

// limits of what a gateway may take.
const (
	stopLimit   = 30 * time.Second
	changeLimit = 2 * time.Minute
)

// newStage starts a gateway, makes version 1 live and version 2 the previous one, and learns the answers of both.
func newStage(p plan, dir string) (s *stage, err error) {
	s = &stage{plan: p, dir: dir, answers: newAnswers()}
	for v := 1; v <= 2; v++ {
		if err := network(v).Write(s.folder(""), fmt.Sprint(v)); err != nil {
			return nil, err
		}
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.End()
			err = fmt.Errorf("%w\n%s", err, s.Log())
		}
	}()
	if err := s.change("promote", "1"); err != nil {
		return nil, err
	}
	for _, version := range []string{"1", "2"} {
		v, err := s.await(version, func(v *admin.Version) bool { return v.State == "READY" })
		if err == nil {
			err = s.answers.learn(s.Predict, version, v.Digest)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.answers.distinct(); err != nil {
		return nil, err
	}
	if s.rate == 0 {
		err = s.measure()
	}
	return s, err
}

// folder is that of a version; that of the model for "".
func (s *stage) folder(version string) string { return filepath.Join(s.dir, "models", model, version) }

// start runs the gateway over its folders, with more arguments.
func (s *stage) start(more ...string) (err error) {
	s.Gateway, err = rig.Start(rig.Options{Binary: s.binary, Args: append([]string{
		"--models", filepath.Join(s.dir, "models"), "--state", filepath.Join(s.dir, "state"), "--copies", s.dir, "--limits-memory", memory,
	}, more...)})
	if err != nil {
		return err
	}
	if s.port, err = ask.AdminAt(s.Admin, ""); err == nil {
		s.addr, err = netip.ParseAddrPort(s.Predict)
	}
	return err
}

// restart ends the gateway and starts it over the same folders, with more arguments.
func (s *stage) restart(more ...string) error {
	if _, err := s.Stop(stopLimit); err != nil {
		return err
	}
	if err := s.start(more...); err != nil {
		return err
	}
	return errors.Join(s.settles("1"), s.settles("2"))
}

// settles waits until a version is ready or refused.
func (s *stage) settles(version string) error {
	_, err := s.await(version, func(v *admin.Version) bool { return v != nil && (v.State == "READY" || v.State == "FAILED") })
	return err
}

// change asks for a change of roles and waits for it; version "" leaves it out.
func (s *stage) change(verb, version string) error {
	ctx, cancel := context.WithTimeout(context.Background(), changeLimit)
	defer cancel()
	asked := map[string]string{}
	if version != "" {
		asked["version"] = version
	}
	if err := s.port.Change(ctx, "/v2/repository/models/"+model+"/"+verb, asked, "", nil); err != nil {
		return fmt.Errorf("cannot %s version %s: %w", verb, version, err)
	}
	return nil
}

// version is what the gateway lists of a version; nil if it lists none.
func (s *stage) version(name string) (*admin.Version, error) {
	var all []admin.Version
	if err := s.port.Get(context.Background(), "/v2/repository/versions", &all); err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Model == model && all[i].Version == name {
			return &all[i], nil
		}
	}
	return nil, nil
}

// await waits until what is listed of a version, which may be nil, is so.
func (s *stage) await(name string, so func(*admin.Version) bool) (v *admin.Version, err error) {
	for begun := time.Now(); time.Since(begun) < changeLimit; time.Sleep(50 * time.Millisecond) {
		if v, err = s.version(name); err != nil || so(v) {
			return v, err
		}
	}
	return v, fmt.Errorf("version %s is not as it should be within %v: %+v", name, changeLimit, v)
}

// add puts a version into the models folder, whole at once.
func (s *stage) add(version string, files map[string][]byte) error {
	staged, err := os.MkdirTemp(s.dir, "staged-")
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(staged, name), text, 0o644); err != nil {
			return err
		}
	}
	return os.Rename(staged, s.folder(version))
}
