// Package rig is what the drill, the soak and the tests of the binary stand on: it starts a gateway as a user would, sends it
// traffic of which every request is accounted for and every answer is compared, and reads what
// the process tree takes. It owns the processes that it starts and ends each by its id.
package rig
