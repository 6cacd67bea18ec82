package dataflow

import "sluice/internal/onnxfile"

// ordered is the order in which nodes can be computed: that of the file, unless a node
// stands before one whose output it reads, as some tools write them. Nodes in a circle
// keep their places.
func (a *analysis) ordered(g *onnxfile.Graph) []int {
	makers := map[string]int{}
	for i := range g.Nodes {
		for _, name := range g.Nodes[i].Outputs {
			if name != "" {
				makers[name] = i
			}
		}
	}
	reads, late := make([][]int, len(g.Nodes)), false
	for i := range g.Nodes {
		a.eachRead(&g.Nodes[i], func(name string) {
			if k, ok := makers[name]; ok {
				reads[i] = append(reads[i], k)
				late = late || k >= i
			}
		})
	}
	order := make([]int, 0, len(g.Nodes))
	if !late {
		for i := range g.Nodes {
			order = append(order, i)
		}
		return order
	}
	// Depth first, without recursion: a node follows all that it reads.
	const (
		unseen = iota
		entered
		placed
	)
	state := make([]uint8, len(g.Nodes))
	var stack []int
	for root := range g.Nodes {
		stack = append(stack, root)
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			if state[i] == unseen {
				state[i] = entered
				for _, k := range reads[i] {
					if state[k] == unseen {
						stack = append(stack, k)
					}
				}
				continue
			}
			stack = stack[:len(stack)-1]
			if state[i] == entered {
				state[i] = placed
				order = append(order, i)
			}
		}
	}
	return order
}

// eachRead visits the names that a node reads, and those that its bodies mention.
func (a *analysis) eachRead(n *onnxfile.Node, visit func(string)) {
	for _, name := range n.Inputs {
		if name != "" {
			visit(name)
		}
	}
	for _, at := range n.Attributes {
		if at.Graph == nil {
			continue
		}
		for i := range at.Graph.Nodes {
			if !a.spend(1) {
				return
			}
			a.eachRead(&at.Graph.Nodes[i], visit)
		}
		for _, v := range at.Graph.Outputs {
			visit(v.Name)
		}
	}
}
