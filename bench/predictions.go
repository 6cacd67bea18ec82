package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/loadtest/result"
)

// Prediction holds the cost model of an example model against its runs, over HTTP under load.
type Prediction struct {
	Model string  `json:"model"`
	Load  float64 `json:"load"` // of what a closed loop of 64 gets
	Rate  float64 `json:"rate_per_s"`
	// Median is of what runs took of the median forecast. Covered is the share of runs within the
	// bound that deadlines are held against. They are medians of the turns.
	Median      float64         `json:"measured_of_forecast"`
	Covered     float64         `json:"bound_covers"`
	BoundMedian float64         `json:"measured_of_bound"`
	Turns       []predictionRun `json:"turns"`
}

type predictionRun struct {
	Median      float64 `json:"measured_of_forecast"`
	Covered     float64 `json:"bound_covers"`
	BoundMedian float64 `json:"measured_of_bound"`
	Answers     float64 `json:"answers_per_s"`
	LoadAverage float64 `json:"load_average"`
	result.Validity
}

func (b *bench) predictions() error {
	for _, model := range []string{"ranker", "eta"} {
		from, err := filepath.Abs(filepath.Join("examples", "models", model))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(b.bundle(model)), 0o755)
		}
		if err == nil {
			err = os.CopyFS(b.bundle(model), os.DirFS(from))
		}
		if err != nil {
			return fmt.Errorf("cannot copy the model %s: %w", model, err)
		}
		p, err := b.sluice(model)
		if err != nil {
			return err
		}
		if err := b.predictionsOf(model, aim{p, []string{"--model", model, "--protocol", "binary", "--no-verify"}}); err != nil {
			return err
		}
		b.retire(model)
	}
	return nil
}

func (b *bench) predictionsOf(model string, to aim) error {
	closed, err := b.closedRun(to, 64, pick(b, 3*time.Second, 2*time.Second))
	if err != nil {
		return err
	}
	for _, load := range []float64{0.5, 0.8} {
		p := Prediction{Model: model, Load: load, Rate: round(load*closed.PerSecond, 0)}
		for range b.repeats() {
			run, err := b.predictionRun(model, to, p.Rate)
			if err != nil {
				return err
			}
			p.Turns = append(p.Turns, run)
		}
		p.Median = medianOf(p.Turns, func(r predictionRun) float64 { return r.Median })
		p.Covered = medianOf(p.Turns, func(r predictionRun) float64 { return r.Covered })
		p.BoundMedian = medianOf(p.Turns, func(r predictionRun) float64 { return r.BoundMedian })
		b.say("| %s | %g | %.0f | %.3f | %.1f | %.2f | %.1f |", model, load, p.Rate, p.Median, 100*p.Covered, p.BoundMedian, p.Turns[0].LoadAverage)
		b.result.Predictions = append(b.result.Predictions, p)
	}
	return nil
}

const (
	forecastRatio = "sluice_prediction_error_ratio"
	boundRatio    = "sluice_prediction_bound_ratio"
)

func (b *bench) predictionRun(model string, to aim, rate float64) (run predictionRun, err error) {
	run.LoadAverage = loadAverage()
	was, err := b.histograms(model, forecastRatio, boundRatio)
	if err != nil {
		return run, err
	}
	open, err := b.openRun(to, rate, 256, pick(b, 6*time.Second, 3*time.Second), time.Second)
	if err != nil {
		return run, err
	}
	is, err := b.histograms(model, forecastRatio, boundRatio)
	if err != nil {
		return run, err
	}
	run.Answers, run.Validity = open.Good, open.Validity
	run.Median = round(is[0].quantile(was[0], 0.5), 3)
	run.Covered, run.BoundMedian = round(is[1].upTo(was[1], 0), 4), round(is[1].quantile(was[1], 0.5), 3)
	return run, err
}

func (r *Result) predictionLines(line func(string, float64, target, []result.Validity, string, ...any)) {
	for i := range r.Predictions {
		p := &r.Predictions[i]
		of := validities(p.Turns)
		name := func(what string) string {
			return fmt.Sprintf("predictions.%s (%s, %gx)", what, strings.ToLower(p.Model), p.Load)
		}
		line(name("off"), round(math.Abs(p.Median-1), 3), atMost(0.05), of, "the median run takes %.3f of the median forecast", p.Median)
		line(name("covered"), p.Covered, atLeast(0.95), of, "of the runs are within the bound; the median run takes %.2f of it", p.BoundMedian)
	}
}
