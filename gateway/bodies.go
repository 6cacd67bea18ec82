package gateway

import "sluice/internal/fault"

// smallBody is the largest body that is not counted against Limits.MaxBodiesBytes: so
// many bytes per connection are bounded by the number of connections.
const smallBody = 64 << 10

// reserve counts a body of n bytes, announced or so far, against all bodies; held is
// what is counted for it already.
func (s *Server) reserve(held *int64, n int64) *fault.Error {
	if n <= smallBody || n <= *held {
		return nil
	}
	more := n - *held
	if s.bodies.Add(more) > s.opt.Limits.MaxBodiesBytes {
		s.bodies.Add(-more)
		return fault.Newf(fault.NoCapacity, "the large bodies being read would together take more than %d bytes (limits.max_bodies_bytes); try again", s.opt.Limits.MaxBodiesBytes)
	}
	*held = n
	return nil
}

func (s *Server) release(held *int64) {
	if *held > 0 {
		s.bodies.Add(-*held)
		*held = 0
	}
}
