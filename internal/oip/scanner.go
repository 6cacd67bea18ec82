package oip

import "sluice/internal/jsonscan"

// scanner reads a document, and the data of the tensors in it.
type scanner struct {
	jsonscan.Scanner
	source source // where the document is from, for errors
	lists  lists  // of the tensor being read
}

// source is where a document comes from.
type source uint8

const (
	fromRequest source = iota
	fromAnswer
	fromFile
)

// start begins a document.
func (s *scanner) start(data []byte, maxDepth int) {
	d := jsonscan.Document{Name: [...]string{"request", "response", "file's"}[s.source], MaxDepth: maxDepth}
	if s.source == fromRequest {
		d.DepthSetting = "limits.max_json_depth"
	}
	s.Start(data, d)
}

// noun says in errors what the document's tensors are.
func (s *scanner) noun() string { return [...]string{"input", "output", "tensor"}[s.source] }
