//go:build race

package stub

const raceEnabled = true
