//go:build !race

package stub

const raceEnabled = false
