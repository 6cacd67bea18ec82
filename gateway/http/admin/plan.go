package admin

import "time"

// Plan is how far the plan of a model is, as GET /v2/repository/models/{model}/plan tells it.
type Plan struct {
	Model string `json:"model"`
	// Version and Phase are empty where no version has a plan.
	Version string     `json:"version,omitempty"`
	Phase   string     `json:"phase,omitempty"` // shadow, canary, look, returned, ended
	Step    int        `json:"step,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Until   *time.Time `json:"until,omitempty"` // the end of the cool-down
	Again   bool       `json:"again,omitempty"` // a way back came before: the next one only stops
	Why     string     `json:"why,omitempty"`
	// Runs says that the gateway that answers runs the plan, whose figures follow.
	Runs   bool       `json:"runs"`
	Steps  []PlanStep `json:"steps,omitempty"`
	Canary *PlanArm   `json:"canary,omitempty"`
	Live   *PlanArm   `json:"live,omitempty"`
	// Watched is how long the canary was watched in this step, in seconds.
	Watched float64 `json:"watched_seconds,omitempty"`
	// NotFinite counts the answers with a NaN or an infinity that the live version's answers to the same rows have not, Lost the
	// requests that were not counted.
	NotFinite int64 `json:"not_finite,omitempty"`
	Lost      int64 `json:"lost,omitempty"`
	// Shadow are the units that were compared in the shadow, and Judged its criteria.
	Shadow int64        `json:"shadow_units,omitempty"`
	Judged []PlanJudged `json:"judged,omitempty"`
}

// PlanStep is a step of the canary by the settings.
type PlanStep struct {
	Share float64 `json:"share"`
	Time  float64 `json:"seconds"`
	Units int64   `json:"units"`
}

// PlanArm is what one of the two versions was asked in this step.
type PlanArm struct {
	Units    int64   `json:"units"`
	Requests int64   `json:"requests"`
	Failed   int64   `json:"failed"`
	Mean     float64 `json:"mean"` // of the first output
}

// PlanJudged is a criterion of the shadow.
type PlanJudged struct {
	Name     string `json:"name"`
	Sentence string `json:"sentence"`
	Verdict  string `json:"verdict"`
}
