package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answer is what a server said to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
	total  int // bytes, the head among them
}

// askLimit is how long one request by hand may take: a server that hangs must not hold the
// command.
const askLimit = 10 * time.Second

// exchange sends a request on a connection and reads the whole answer.
func exchange(c net.Conn, wire []byte) (a answer, err error) {
	if err := c.SetDeadline(time.Now().Add(askLimit)); err != nil {
		return a, err
	}
	if _, err := c.Write(wire); err != nil {
		return a, err
	}
	var text bytes.Buffer // nothing else comes on the connection before the next request
	r, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &text)), nil)
	if err != nil {
		return a, err
	}
	defer r.Body.Close()
	a.status, a.header = r.StatusCode, r.Header
	a.body, err = io.ReadAll(r.Body)
	a.total = text.Len()
	return a, err
}

// askOnce sends a request on a connection of its own.
func askOnce(addr string, wire []byte) (answer, error) {
	c, err := net.DialTimeout("tcp", addr, askLimit)
	if err != nil {
		return answer{}, fmt.Errorf("cannot ask %s: %w", addr, err)
	}
	defer c.Close()
	a, err := exchange(c, wire)
	if err != nil {
		return answer{}, fmt.Errorf("cannot ask %s: %w", addr, err)
	}
	return a, nil
}

// askWell sends a request, and makes sure that the answer is good.
func askWell(addr string, wire []byte) (answer, error) {
	a, err := askOnce(addr, wire)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", addr, a.status, a.body)
	}
	return a, err
}
