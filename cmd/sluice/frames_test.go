package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
)

// frames is a front end without HTTP: frames over a Unix socket, a goroutine for each connection. It is there
// to show that a front end is no more than this, and lives beside the others without touching them.
//
// A frame is a length of four bytes, big-endian, and as many bytes. A request is four of them: id, model, budget
// in milliseconds (empty for the model's own) and body, in the protocol's JSON. An answer is two: the fault's
// code (empty if there is none), and the answer or the fault's text.
type frames struct {
	gateway *gateway.Gateway
	ln      net.Listener
	running sync.WaitGroup
}

// serveFrames listens until close.
func serveFrames(g *gateway.Gateway, path string) (*frames, error) {
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	f := &frames{gateway: g, ln: ln}
	f.running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.running.Go(func() {
				defer c.Close()
				for r := bufio.NewReader(c); f.one(c, r) == nil; {
				}
			})
		}
	})
	return f, nil
}

// close waits for the connections, which end with their clients.
func (f *frames) close() {
	_ = f.ln.Close()
	f.running.Wait()
}

// one serves a request.
func (f *frames) one(c net.Conn, r *bufio.Reader) error {
	var in [4][]byte
	for i := range in {
		var err error
		if in[i], err = readFrame(r); err != nil {
			return err
		}
	}
	x := f.gateway.Get()
	defer f.gateway.End(x)
	x.Arrived, x.ID = clock.Now(), append(x.ID, in[0]...)
	x.Name, x.Format, x.Body = in[1], gateway.V2, in[3]
	if len(in[2]) > 0 {
		x.Head.Budget = in[2]
	}
	f.gateway.Predict(x) // without a Front it does not return before the end
	code, answer := "", x.Answer
	if x.Err != nil {
		code, answer = fault.Of(x.Err).Kind.Code(), []byte(fault.Of(x.Err).Text)
	}
	_, err := c.Write(appendFrame(appendFrame(nil, []byte(code)), answer))
	x.Written()
	return err
}

func readFrame(r *bufio.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 1<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func appendFrame(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// framesClient is the other side.
type framesClient struct {
	net.Conn
	r *bufio.Reader
}

func dialFrames(path string) (*framesClient, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &framesClient{c, bufio.NewReader(c)}, nil
}

// ask sends a request, whose budget is the model's own if it is 0.
func (c *framesClient) ask(id, model string, budget int, body []byte) (code, answer string, err error) {
	ms := ""
	if budget > 0 {
		ms = strconv.Itoa(budget)
	}
	out := appendFrame(appendFrame(appendFrame(nil, []byte(id)), []byte(model)), []byte(ms))
	if _, err = c.Write(appendFrame(out, body)); err != nil {
		return "", "", err
	}
	var in [2][]byte
	for i := range in {
		if in[i], err = readFrame(c.r); err != nil {
			return "", "", err
		}
	}
	return string(in[0]), string(in[1]), nil
}
