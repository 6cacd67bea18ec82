package onnxgen

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// ResNet is a residual network of bottleneck blocks on images, float32 [batch, 3, Side,
// Side], with an output of [batch, Classes] (He and others, 2015; the stride in the 3x3
// convolution, as in the common 1.5 variant). Batch norms are folded into the
// convolutions' weights and biases, as exporters do for inference. Weights are drawn, so
// answers mean nothing; the work is a real network's.
type ResNet struct {
	// Side is the width and height of an image; it must be a multiple of 2^(1+len(Blocks)).
	Side int
	// Stem is the channels after the first convolution; each stage has twice the last one's,
	// and gives out four times its own.
	Stem int
	// Blocks are the bottleneck blocks of each stage.
	Blocks  []int
	Classes int
	Seed    uint64
	// Input and Output are the tensors' names; empty means "input" and "output".
	Input, Output string
}

// ResNet50 has the shape of ResNet-50: 25.5 million parameters, 4.1 billion
// multiplications for a row, a file of 102 MB.
func ResNet50(seed uint64) ResNet {
	return ResNet{Side: 224, Stem: 64, Blocks: []int{3, 4, 6, 3}, Classes: 1000, Seed: seed}
}

// TinyResNet has every kind of layer that ResNet50 has, in a file of some 20 KB.
func TinyResNet(seed uint64) ResNet {
	return ResNet{Side: 32, Stem: 4, Blocks: []int{1, 2}, Classes: 10, Seed: seed}
}

// expansion is how many channels a bottleneck gives out for each of its own.
const expansion = 4

// residualScale keeps sums of many residuals from growing: the last convolution of a
// branch is drawn that much smaller.
const residualScale = 0.5

// Bytes is the ONNX file. It panics if the description makes no network.
func (r ResNet) Bytes() []byte {
	w := r.writer(true)
	var model message
	model.int(1, 8) // IR version
	model.string(2, "sluice-onnxgen")
	model.embed(7, w.graph)
	var opset message
	opset.int(2, 17)
	model.embed(8, opset)
	return model
}

// Write stores the file as DIR/<version>/model.onnx, as a bundle of one version.
func (r ResNet) Write(dir, version string) error { return writeBundle(dir, version, r.Bytes()) }

// Parameters is how many weights the file holds.
func (r ResNet) Parameters() int { return r.writer(false).parameters }

// MACs is how many multiplications with an addition one row takes.
func (r ResNet) MACs() int64 { return r.writer(false).macs }

// imageNet writes the graph layer by layer and counts what it holds. The layer that is
// written next reads from `from`, which has so many channels on so many pixels a side.
type imageNet struct {
	graph      message
	rng        *rand.Rand // nil: count and draw nothing
	from       string
	channels   int
	side       int
	layers     int
	parameters int
	macs       int64
}

func (r ResNet) writer(draw bool) *imageNet {
	if shrink := 2 << len(r.Blocks); r.Side < shrink || r.Side%shrink != 0 || r.Stem < 1 || len(r.Blocks) == 0 || r.Classes < 1 {
		panic(fmt.Sprintf("BUG: no residual network is described by %+v", r))
	}
	input, output := orElse(r.Input, "input"), orElse(r.Output, "output")
	w := &imageNet{from: input, channels: 3, side: r.Side}
	if draw {
		w.rng = rand.New(rand.NewPCG(r.Seed, 0x7265736e))
	}
	w.conv(r.Stem, 7, 2, 1)
	w.relu()
	w.maxPool()
	for stage, blocks := range r.Blocks {
		for block := range blocks {
			stride := 1
			if block == 0 && stage > 0 {
				stride = 2
			}
			w.bottleneck(r.Stem<<stage, stride, block == 0)
		}
	}
	w.node("GlobalAveragePool", "pooled", w.from)
	w.node("Flatten", "features", "pooled")
	w.classify(r.Classes, output)
	w.graph.string(2, "resnet")
	w.graph.embed(11, value(input, 3, r.Side, r.Side))
	w.graph.embed(12, value(output, r.Classes))
	return w
}

// bottleneck narrows, convolves and widens, and adds what it began with: as it was, or
// through a convolution of 1x1 where channels or pixels change.
func (w *imageNet) bottleneck(width, stride int, project bool) {
	begin := *w
	w.conv(width, 1, 1, 1)
	w.relu()
	w.conv(width, 3, stride, 1)
	w.relu()
	w.conv(expansion*width, 1, 1, residualScale)
	branch, shortcut := w.from, begin.from
	if project {
		w.from, w.channels, w.side = begin.from, begin.channels, begin.side
		w.conv(expansion*width, 1, stride, 1)
		shortcut = w.from
	}
	w.from = w.next("sum")
	w.node("Add", w.from, branch, shortcut)
	w.relu()
}

// conv writes a square convolution with padding to the same size. Weights are drawn so
// that a Relu behind it keeps the scale of what goes through (He and others, 2015).
func (w *imageNet) conv(out, kernel, stride int, scale float64) {
	to := w.next("conv")
	fanIn := w.channels * kernel * kernel
	w.tensor(to+"_w", scale*math.Sqrt(2/float64(fanIn)), out, w.channels, kernel, kernel)
	w.tensor(to+"_b", 0.01, out)
	pad := kernel / 2
	w.node("Conv", to, w.from, to+"_w", to+"_b",
		ints("kernel_shape", kernel, kernel), ints("strides", stride, stride), ints("pads", pad, pad, pad, pad))
	w.from, w.channels, w.side = to, out, w.side/stride
	w.macs += int64(fanIn) * int64(out) * int64(w.side) * int64(w.side)
}

func (w *imageNet) relu() {
	to := w.next("relu")
	w.node("Relu", to, w.from)
	w.from = to
}

func (w *imageNet) maxPool() {
	to := w.next("pool")
	w.node("MaxPool", to, w.from, ints("kernel_shape", 3, 3), ints("strides", 2, 2), ints("pads", 1, 1, 1, 1))
	w.from, w.side = to, w.side/2
}

// classify is the dense layer at the end. It has no Relu behind it, so the scale is kept
// with half the variance.
func (w *imageNet) classify(classes int, output string) {
	w.tensor("classes_w", math.Sqrt(1/float64(w.channels)), w.channels, classes)
	w.tensor("classes_b", 0.01, classes)
	w.node("Gemm", output, "features", "classes_w", "classes_b")
	w.macs += int64(w.channels) * int64(classes)
}

// next names a layer's result.
func (w *imageNet) next(kind string) string {
	w.layers++
	return fmt.Sprint(kind, w.layers)
}

// node writes a node; parts are names of inputs and attributes.
func (w *imageNet) node(op, output string, parts ...any) {
	if w.rng == nil {
		return
	}
	var inputs []string
	var attributes []message
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			inputs = append(inputs, part)
		case message:
			attributes = append(attributes, part)
		}
	}
	n := node(op, output, inputs...)
	for _, a := range attributes {
		n.embed(5, a)
	}
	w.graph.embed(1, n)
}

// tensor writes weights of a standard deviation.
func (w *imageNet) tensor(name string, deviation float64, shape ...int) {
	elements := 1
	for _, d := range shape {
		elements *= d
	}
	w.parameters += elements
	if w.rng != nil {
		w.graph.embed(5, tensor(name, shape, func() float32 { return float32(deviation * w.rng.NormFloat64()) }))
	}
}
