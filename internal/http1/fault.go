package http1

// Fault is why a message is refused.
type Fault uint8

// Faults of a request's head, and of chunked bodies.
const (
	None           Fault = iota
	BadRequestLine       // it is not METHOD SP target SP HTTP/1.x CR LF
	TargetTooLong        // longer than Limits.Target
	BadVersion           // of HTTP, but neither 1.1 nor 1.0
	HeadTooLarge         // larger than Limits.Head
	ManyFields           // more than Limits.Fields
	BadLineEnd           // a line does not end with CR LF
	FoldedField          // a field goes on on the next line
	BadField             // a line is not NAME: VALUE
	BadHost              // HTTP/1.1 without a Host, or with two, or an empty one
	BadExpectation       // other than 100-continue, or two
	BadLength            // Content-Length twice, empty, or too long for a number
	LengthNoNumber       // Content-Length with something else than digits
	OldCoding            // Transfer-Encoding on HTTP/1.0
	TwoCodings           // Transfer-Encoding twice
	UnknownCoding        // Transfer-Encoding other than chunked
	TwoFramings          // Content-Length and Transfer-Encoding
	BodyTooLarge         // larger than Limits.Body, or Chunks.MaxBody
	BadChunk             // a chunk's lines are not as they must be
	LongChunk            // a chunk's size has more than eight digits
	BadExtension         // a chunk's extension is too long, or holds control characters
	Trailer              // there are fields after the last chunk, or too many
	ManyChunks           // more than FreeChunks of less than ChunkMean bytes
)
