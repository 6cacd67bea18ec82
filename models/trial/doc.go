// Package trial reads and loads a bundle in a child process, so that a file on which a parser grows
// without end, or which crashes ONNX Runtime, is refused by name while the gateway lives.
//
// States of a trial:
//
//	Runner.Begin --> described --> Trial.Observe --> loaded --> observed --> weighing --> ended
//
// The child parses the bundle's files within narrow limits and describes them before it touches the
// library. Then it loads the file, runs golden and made-up requests, and weighs rows of rising
// length. Whatever ends it before it has described and observed speaks against the bundle; what ends
// it while it weighs does not.
//
// Invariants:
//   - What the child says is bounded in size and held against its bounds before it is believed.
//   - The child does not outlive the gateway, nor Trial.End.
//   - One child parses at a time.
//
// Load gates call Runner and Trial; the command calls Run in the child.
package trial
