// Package docs reads the pages of README.md and docs/ for the tests that hold them to the
// code: its headings, tables and fenced blocks. Its tests compare the reference pages with the
// code's own tables, in both directions, and run the blocks. Only they call it.
//
// A comment <!-- server: FLAGS --> on the first line of a page starts its gateway with flags.
// An HTML comment alone on a line above a block, blank lines aside, says what the block is for:
//
//	<!-- not run: needs a GPU -->    it is not run, and why
//	<!-- serves -->                  it is the gateway of the blocks below it, which runs until the next one or the page's end
//	<!-- beside: redis-server -->    it is run until the page ends, where the tool is there
//	<!-- output -->                  it is what the block before it prints; "..." stands for anything
//	<!-- needs: node -->             it is run where the tool is there
//	<!-- settings -->                it is a settings file, or a part of one
//	<!-- file: client.py -->         it is a file that a later block of the page uses
//	<!-- shown: a drawing -->        it is a text that no command prints, and what it is
//
// A block has a fence: one that is only indented is refused. TestExamples runs the blocks beside a
// gateway, TestCommandsAreThere looks for what all others and the sentences tell a reader to run, and
// TestWalk is a newcomer's first minutes, from a clone to a prediction.
package docs
