package zoo

import (
	"testing"

	"sluice/internal/longtest"
)

// TestConverters asks for right answers of every file that a converter wrote.
func TestConverters(t *testing.T) {
	longtest.Skip(t)
	serveAll(t, shelf(t, "converters"), rounds)
}

// TestIndependent does so for graphs whose rows are independent in unusual ways.
func TestIndependent(t *testing.T) {
	models := shelf(t, "independent")
	if longtest.LeftOut() { // a third of them stands for all
		for i := range len(models) / 3 {
			models[i] = models[3*i]
		}
		models = models[:len(models)/3]
	}
	serveAll(t, models, rounds)
}

// TestTraps asks for right answers where rows depend on each other.
func TestTraps(t *testing.T) {
	longtest.Skip(t)
	serveAll(t, shelf(t, "traps"), rounds)
}

// serveAll runs one gateway over the models and holds each of them.
func serveAll(t *testing.T, models []*model, rounds int) {
	needLibrary(t)
	g := startGateway(t, gatewayBinary(t), models)
	var total tally
	served, unserved := 0, 0
	for _, m := range models {
		if m.Kind == refused {
			t.Run(m.Name, func(t *testing.T) { g.refuses(t, m) })
			unserved++
			continue
		}
		if t.Run(m.Name, func(t *testing.T) { g.hold(t, m, rounds, &total) }) {
			served++
		}
	}
	t.Logf("%d of %d models answer right; %d requests, %d of them beside others' rows, %d wrong", served, len(models)-unserved, total.asked, total.shared, total.wrong)
}
