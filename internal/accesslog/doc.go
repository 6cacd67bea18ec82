// Package accesslog writes a line of JSON for some of the requests that a server has answered. It
// owns the choice of them and the way from the request path to the file: a bounded buffer that one
// goroutine empties, so that no request ever waits for a disk or a pipe. What does not fit is
// dropped and counted.
//
// Which requests: a random share of all (Sample); besides those every one that was refused,
// failed, late or slow, at most so many of each reason in a second; and the slowest prediction of
// each second. The lines of the share alone say how often something happens: the others are where
// it goes wrong.
//
// A zero Log takes nothing. The gateway asks Pick of every request and fills an Entry only where it
// says so.
//
// States: a log writes from Start until Close. A disk that is full or a pipe that nobody reads costs
// lines, and no state is lost with them: it writes on when it can. A file that has been moved or
// removed is made again within a second, so that it can be rotated without a word to the server.
package accesslog
