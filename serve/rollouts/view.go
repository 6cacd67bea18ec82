package rollouts

import "sluice/rollout"

// View is a model's plan as it stood at the last look.
type View struct {
	Plan  rollout.Plan
	Model rollout.Model
}

// View returns that of a model; false where this gateway does not run it.
func (r *Runner) View(model string) (View, bool) {
	all := r.views.Load()
	if all == nil {
		return View{}, false
	}
	v, ok := (*all)[model]
	return v, ok
}
