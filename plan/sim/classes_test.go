package sim

import (
	"testing"
	"time"

	"sluice/internal/task"
)

// A promise to the highest class holds against those below it: they have their turn when that harms
// nobody, or when they have saved all that they may. One to a lower class may be displaced.
func TestPromisesToTheHighestClass(t *testing.T) {
	for _, lanes := range []int{1, 2} {
		for _, cv := range []float64{1, 3} {
			for _, load := range []float64{0.7, 1, 1.2, 1.5} {
				p := promise{name: "three classes", curve: middling, lanes: lanes, cv: cv, load: load, rows: []int{1}, noise: Usual, model: 1, ranks: task.Priorities}
				r := p.run(t, 2, 8*time.Second)
				t.Log(p.line(r))
				var by [task.Priorities]Count
				for i, c := range r.ByStream {
					by[i%task.Priorities].add(c)
				}
				for c, n := range by {
					t.Logf("    class %d: good %.2f %%, refused %.2f, broken or displaced %.3f", c, 100*n.Attainment(), 100*n.refused(), 100*n.broken())
				}
				if high := by[task.High]; high.broken() > 0.005 || high.Attainment() < by[task.Low].Attainment() {
					t.Errorf("%d lanes, CV %g, load %g: of the highest class %.2f %% were admitted and not answered in time, want 0.5; %.3f good, and %.3f of the lowest",
						lanes, cv, load, 100*high.broken(), high.Attainment(), by[task.Low].Attainment())
				}
			}
		}
	}
}
