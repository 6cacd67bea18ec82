package oip

import (
	"sluice/internal/oip/oiptest"
	"sluice/internal/task"
)

// The models and checks that the tests of v1 have too.
var (
	identity, runIdentity = oiptest.Identity, oiptest.RunIdentity
	mixed, bounded        = oiptest.Mixed, oiptest.Bounded
	scaled, showOptional  = oiptest.Scaled, oiptest.ShowOptional
	ranking               = oiptest.Ranking
	fuzzSchemas           = oiptest.FuzzSchemas
	checkRefusal          = oiptest.CheckRefusal
	checkTask, snapshot   = oiptest.CheckTask, oiptest.Snapshot
	sameElements, code    = oiptest.SameElements, oiptest.Code
)

const tooLong = oiptest.TooLong

// decoded is what became of a request to ranking: its rows, and of each input the rows and the bytes.
type decoded struct {
	rows int
	in   [3]string
}

func show(t *task.Task) decoded {
	rows, in := oiptest.Show(t)
	return decoded{rows, in}
}
