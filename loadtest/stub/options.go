package stub

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Options are what the server does to requests. The zero value answers each at once.
type Options struct {
	// Addr is host:port to listen on; "" is 127.0.0.1 and any free port.
	Addr string
	// Delay is drawn for each answer and waited for.
	Delay Delay
	// Status are answers that are given instead, by chance.
	Status []Chance
	// Close is the percentage of connections that are closed instead of an answer.
	Close float64
	// Stalls are times in which nothing is answered, from Start or Begin. Reading goes on.
	// What was begun before is sent to its end.
	Stalls []Stall
	// Queue is the time that a virtual server takes for each request; the answer comes when it
	// would be done, in the order of arrival. No CPU is used for it. 0 is no queue.
	Queue time.Duration
	// Servers is how many virtual servers there are; 0 is 1.
	Servers int
	// Limit refuses with 429, at once, what comes while so many wait for a virtual
	// server; 0 is no limit.
	Limit int
	// Burn is CPU time that the thread spends on each request.
	Burn time.Duration
	// Lose never answers one of so many requests, and keeps its connection open. Drop
	// closes it. Corrupt flips a bit of a value. Repeat sends the answer twice. Swap
	// exchanges it with that of the next request on another connection; if none comes within
	// a second, it is answered rightly and counted as Unpaired. 0 is never; Swap is from 2.
	Lose, Drop, Corrupt, Repeat, Swap int
	// SwapValues exchanges only the values of two answers, so that each has its own id.
	SwapValues bool
	// Spin waits for the last 60 µs before an answer without sleeping, which takes a core
	// and makes the instant of sending exact to a few microseconds.
	Spin bool
	// Seed is that of what is drawn.
	Seed uint64
}

// Chance is a status and the percentage of requests that get it.
type Chance struct {
	Status  int
	Percent float64
}

// Stall is a time without answers.
type Stall struct{ For, At time.Duration }

// keys is said when a text names none of them.
const keys = "delay=5ms, delay=150us:10,2ms:5, delay=exp:5ms, delay=uniform:1ms-5ms, status=503:5,429:1, close=5, stall=1s@10s, queue=1ms, " +
	"servers=2, limit=10, burn=100us, lose=N, drop=N, corrupt=N, repeat=N, swap=N, level=values, spin or seed=N"

// Parse reads options that are separated by commas:
//
//	delay=5ms                    each answer after 5 ms; exp:5ms and uniform:1ms-5ms draw it
//	delay=150us:10,2ms:5         10 % after 150 µs, 5 % after 2 ms, the others at once
//	status=503:5,429:1           5 % get 503, 1 % 429
//	close=5                      5 % are closed instead of an answer
//	stall=1s@10s                 after 10 s nothing is answered for 1 s
//	queue=1ms,servers=2,limit=10 a queue before 2 virtual servers; 429 when 10 wait
//	burn=100us                   CPU time for each
//	lose=N repeat=N corrupt=N drop=N swap=N[,level=values]   exactly one of N
//	spin, seed=7
func Parse(text string) (Options, error) {
	var o Options
	if strings.TrimSpace(text) == "" {
		return o, nil
	}
	var order []string
	set := map[string]string{}
	key := ""
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		name, value, named := strings.Cut(part, "=")
		switch {
		case part == "spin":
			o.Spin, key = true, ""
		case named:
			if _, twice := set[name]; twice {
				return o, fmt.Errorf("cannot read the behaviour %q: %s= comes twice", text, name)
			}
			key = name
			order = append(order, key)
			set[key] = value
		case key == "":
			return o, fmt.Errorf("cannot read the behaviour %q: there is no %q; use %s", text, part, keys)
		default: // more of the list before
			set[key] += "," + part
		}
	}
	for _, key := range order {
		if err := o.set(key, set[key]); err != nil {
			return Options{}, fmt.Errorf("cannot read the behaviour %q: %w", text, err)
		}
	}
	if err := o.check(); err != nil {
		return Options{}, fmt.Errorf("cannot read the behaviour %q: %w", text, err)
	}
	return o, nil
}

func (o *Options) set(key, value string) (err error) {
	switch key {
	case "delay":
		o.Delay, err = parseDelay(value)
	case "status":
		o.Status, err = parseStatus(value)
	case "close":
		o.Close, err = strconv.ParseFloat(value, 64)
	case "stall":
		o.Stalls, err = parseStalls(value)
	case "queue":
		o.Queue, err = parseTime(value)
	case "servers":
		o.Servers, err = count(value, 1)
	case "limit":
		o.Limit, err = count(value, 1)
	case "burn":
		o.Burn, err = parseTime(value)
	case "lose":
		o.Lose, err = count(value, 1)
	case "drop":
		o.Drop, err = count(value, 1)
	case "corrupt":
		o.Corrupt, err = count(value, 1)
	case "repeat":
		o.Repeat, err = count(value, 1)
	case "swap":
		o.Swap, err = count(value, 2)
	case "level":
		if o.SwapValues = value == "values"; !o.SwapValues && value != "whole" {
			err = errors.New("use whole or values")
		}
	case "seed":
		o.Seed, err = strconv.ParseUint(value, 10, 64)
	default:
		return fmt.Errorf("there is no %q; use %s", key, keys)
	}
	if err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, err)
	}
	return nil
}

// check holds options to their bounds, wherever they come from.
func (o *Options) check() error {
	percent := o.Close
	for _, s := range o.Status {
		if s.Status < 400 || s.Status > 599 {
			return fmt.Errorf("the status %d is not one of 400 to 599", s.Status)
		}
		if !(s.Percent >= 0) {
			return fmt.Errorf("the status %d has the share %g %%", s.Status, s.Percent)
		}
		percent += s.Percent
	}
	if !(o.Close >= 0) || !(percent <= 100) {
		return fmt.Errorf("status and close together are %g %% of the requests: use 0 to 100", percent)
	}
	for _, s := range o.Stalls {
		if s.For <= 0 || s.At < 0 {
			return fmt.Errorf("a stall of %v at %v is not possible", s.For, s.At)
		}
	}
	if o.Queue < 0 || o.Burn < 0 {
		return errors.New("queue and burn must not be negative")
	}
	if (o.Limit != 0 || o.Servers != 0) && o.Queue == 0 {
		return errors.New("limit and servers are those of a queue: give queue= too")
	}
	for _, n := range []int{o.Servers, o.Limit, o.Lose, o.Drop, o.Corrupt, o.Repeat, o.Swap} {
		if n < 0 {
			return fmt.Errorf("%d is negative: one in every N needs an N from 1", n)
		}
	}
	if o.SwapValues && o.Swap == 0 {
		return errors.New("level is that of a swap: give swap= too")
	}
	if o.Servers > 1<<16 {
		return fmt.Errorf("servers=%d is more than %d", o.Servers, 1<<16)
	}
	if o.Swap == 1 {
		return errors.New("swap=1 is not possible: two answers make a swap, so use 2 or more")
	}
	return o.Delay.check()
}

func count(text string, least int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > math.MaxInt32 {
		return 0, fmt.Errorf("use a whole number from %d", least)
	}
	return n, nil
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > time.Hour {
		return 0, fmt.Errorf("%q is not a time up to an hour, such as 150us or 5ms", text)
	}
	return d, nil
}

func parseStatus(text string) (all []Chance, err error) {
	for part := range strings.SplitSeq(text, ",") {
		left, right, _ := strings.Cut(part, ":")
		status, err := strconv.Atoi(left)
		percent, err2 := strconv.ParseFloat(right, 64)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("%q is not a status with its percentage, as in 503:5", part)
		}
		all = append(all, Chance{status, percent})
	}
	return all, nil
}

func parseStalls(text string) (all []Stall, err error) {
	for part := range strings.SplitSeq(text, ",") {
		left, right, _ := strings.Cut(part, "@")
		length, err := time.ParseDuration(left)
		at, err2 := time.ParseDuration(right)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("%q is not a length and an instant, as in 1s@10s", part)
		}
		all = append(all, Stall{length, at})
	}
	return all, nil
}
