package httpfront

import (
	"sluice/internal/fault"
	"sluice/internal/oip"
)

// repositoryIndex lists every known version. It reads only, so it is on both ports.
func (s *Server) repositoryIndex(c *call) error {
	body, err := s.gateway.Inflate(&c.inflated, c.ctx.Request.Body(), listed(&c.ctx.Request.Header, headerContentEncoding))
	if err != nil {
		return err
	}
	entries, err := s.Index(body)
	if err != nil {
		return err
	}
	return answerJSON(c.ctx, entries)
}

// Index lists the versions that the body of an index request asks for.
func (s *Server) Index(body []byte) ([]oip.IndexEntry, error) {
	readyOnly, err := oip.ParseIndexRequest(body)
	if err != nil {
		return nil, err
	}
	entries := []oip.IndexEntry{}
	for _, m := range s.gateway.Models().List() {
		if !readyOnly || m.State == oip.StateReady {
			entries = append(entries, oip.IndexEntry{Name: m.Name, Version: m.Version, State: m.State, Reason: m.Reason, Unpinned: m.Unpinned})
		}
	}
	return entries, nil
}

// statistics reports one model. The protocol wants 400 for an unknown one; the text still lists the models that
// there are.
func (s *Server) statistics(c *call) error {
	m, err := s.find(c)
	switch {
	case fault.Is(err, fault.ModelNotFound):
		return fault.Newf(fault.InvalidRequest, "requested model '%s' is not available: %s", c.name, fault.Of(err).Text)
	case fault.Is(err, fault.VersionNotFound):
		return fault.Newf(fault.InvalidRequest, "requested model version is not available for model '%s': %s", c.name, fault.Of(err).Text)
	case err != nil:
		return err
	}
	defer m.Release()
	return answerJSON(c.ctx, oip.Statistics{ModelStats: []oip.ModelStatistics{m.Stats()}})
}

// allStatistics reports every ready version.
func (s *Server) allStatistics(c *call) error {
	all := oip.Statistics{ModelStats: []oip.ModelStatistics{}}
	for _, m := range s.gateway.Models().List() {
		if m.State == oip.StateReady && m.Stats != nil {
			all.ModelStats = append(all.ModelStats, m.Stats())
		}
	}
	return answerJSON(c.ctx, all)
}
