package gateway

import "sluice/internal/memory"

// Held is what requests hold together at one of their stages, and the most that they may.
type Held struct {
	Stage       string
	Bytes, Most int64
}

// Held tells what the requests hold.
func (g *Gateway) Held() []Held {
	return []Held{
		{"bodies", g.Bodies.Used(), g.Bodies.Limit()},
		{"inputs", g.Inputs.Used(), g.Inputs.Limit()},
		{"answers", g.Answers.Used(), g.Answers.Limit()},
	}
}

// SetRoom says how much memory there is for what requests hold. If it is less than their limits add up
// to, each is lowered by the same share; what is held stays.
func (g *Gateway) SetRoom(bytes int64) {
	l := &g.opt.Limits
	share := min(1, float64(max(bytes, 0))/float64(l.MaxBodiesBytes+l.MaxInputsBytes+l.MaxAnswersBytes))
	for _, b := range []struct {
		budget *memory.Budget
		limit  int64
	}{{g.Bodies, l.MaxBodiesBytes}, {g.Inputs, l.MaxInputsBytes}, {g.Answers, l.MaxAnswersBytes}} {
		b.budget.SetLimit(int64(float64(b.limit) * share))
	}
}
