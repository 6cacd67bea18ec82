package gateway

import "sluice/internal/memory"

// Held is what requests hold together at one of their stages, and the most that they may.
type Held struct {
	Stage       string
	Bytes, Most int64
}

// Held tells what the requests hold.
func (s *Server) Held() []Held {
	return []Held{
		{"bodies", s.bodies.Used(), s.bodies.Limit()},
		{"inputs", s.inputs.Used(), s.inputs.Limit()},
		{"answers", s.answers.Used(), s.answers.Limit()},
	}
}

// SetRoom says how much memory there is for what requests hold. If it is less than their limits add up
// to, each is lowered by the same share; what is held stays.
func (s *Server) SetRoom(bytes int64) {
	l := &s.opt.Limits
	share := min(1, float64(max(bytes, 0))/float64(l.MaxBodiesBytes+l.MaxInputsBytes+l.MaxAnswersBytes))
	for _, b := range []struct {
		budget *memory.Budget
		limit  int64
	}{{s.bodies, l.MaxBodiesBytes}, {s.inputs, l.MaxInputsBytes}, {s.answers, l.MaxAnswersBytes}} {
		b.budget.SetLimit(int64(float64(b.limit) * share))
	}
}
