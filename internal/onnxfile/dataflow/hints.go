package dataflow

func (c *call) hintIndex(index *value, size expr) {}
func (c *call) hintCut(s cut, v *value)           {}
func (c *call) hintCast(v *value, to int64)       {}
func (c *call) hintLength(v *value, of expr)      {}
func (a *analysis) finishHints()                  {}

func (c *call) hintKeys(v *value) {}
func (c *call) hintPool(v *value) {}
