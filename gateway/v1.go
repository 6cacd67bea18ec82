package gateway

import (
	"sluice/internal/fault"
	"sluice/internal/task"
)

// formatV1 is the older predict format: rows of plain JSON.
type formatV1 struct{}

func (formatV1) decode(s *Server, c *call, info *ModelInfo, body []byte, t *task.Task) error {
	if len(body) == 0 {
		return fault.New(fault.EmptyBody, "the request has no body")
	}
	return c.v1.Decode(info.Schema, info.Name, body, &s.opt.Limits.Decode, t)
}

func (formatV1) estimate(c *call, info *ModelInfo, t *task.Task) int64 {
	return c.v1.EstimateResponse(info.Schema, t)
}

func (formatV1) encode(c *call, info *ModelInfo, dst []byte, t *task.Task) ([]byte, int, error) {
	c.v1.Form = c.form
	out, err := c.v1.AppendResponse(dst, info.Schema, t)
	return out, 0, err
}
