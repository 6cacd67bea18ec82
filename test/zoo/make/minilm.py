"""A BERT encoder's graph around the weights of a safetensors file: six layers of 384, mean pooling, unit length."""
import json

import numpy as np

import graphs

LAYERS, WIDTH, HEADS = 6, 384, 12


def tensors(data):
    """Reads safetensors: the length of a JSON header in 8 bytes, the header, the data."""
    size = int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            found[name] = np.frombuffer(data[8 + size + begin : 8 + size + end], np.float32).reshape(entry["shape"])
    return found


class Writer:
    """Collects nodes and the weights that they read."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], {}

    def weight(self, name, transposed=False):
        key = name.replace(".", "_") + ("_t" if transposed else "")
        value = self.weights[name]
        self.constants[key] = value.T.copy() if transposed else value
        return key

    def linear(self, x, y, name):
        self.nodes.append(f"{y}_m = MatMul({x}, {self.weight(name + '.weight', True)}) {y} = Add({y}_m, {self.weight(name + '.bias')})")

    def norm(self, x, y, name):
        self.nodes.append(f"{y} = LayerNormalization <axis = -1, epsilon = 1e-12> ({x}, {self.weight(name + '.weight')}, {self.weight(name + '.bias')})")

    def layer(self, i):
        p, x = f"encoder.layer.{i}", f"x{i}"
        for part in ("query", "key", "value"):
            self.linear(x, f"{part}{i}", f"{p}.attention.self.{part}")
            order = "0, 2, 3, 1" if part == "key" else "0, 2, 1, 3"
            self.nodes.append(f"{part}{i}_r = Reshape({part}{i}, split) {part}{i}_h = Transpose <perm = [{order}]> ({part}{i}_r)")
        self.nodes.append(f"s{i} = MatMul(query{i}_h, key{i}_h) t{i} = Div(s{i}, scale) u{i} = Add(t{i}, bias) att{i} = Softmax <axis = -1> (u{i}) c{i} = MatMul(att{i}, value{i}_h)")
        self.nodes.append(f"d{i} = Transpose <perm = [0, 2, 1, 3]> (c{i}) e{i} = Reshape(d{i}, join)")
        self.linear(f"e{i}", f"f{i}", f"{p}.attention.output.dense")
        self.nodes.append(f"g{i} = Add(f{i}, {x})")
        self.norm(f"g{i}", f"h{i}", f"{p}.attention.output.LayerNorm")
        self.linear(f"h{i}", f"j{i}", f"{p}.intermediate.dense")
        self.nodes.append(f"w{i} = Div(j{i}, root) l{i} = Erf(w{i}) n{i} = Add(l{i}, one) o{i} = Mul(j{i}, n{i}) q{i} = Mul(o{i}, half)")
        self.linear(f"q{i}", f"r{i}", f"{p}.output.dense")
        self.nodes.append(f"v{i} = Add(r{i}, h{i})")
        self.norm(f"v{i}", f"x{i + 1}", f"{p}.output.LayerNorm")


def model(data):
    w = Writer(tensors(data))
    e = "embeddings."
    w.nodes.append(f"""w = Gather({w.weight(e + 'word_embeddings.weight')}, input_ids) k = Gather({w.weight(e + 'token_type_embeddings.weight')}, token_type_ids)
        n = Shape <start = 1, end = 2> (input_ids) p = Slice({w.weight(e + 'position_embeddings.weight')}, a0, n, a0) wk = Add(w, k) sum = Add(wk, p)
        m1 = Unsqueeze(attention_mask, a12) m = Cast <to = 1> (m1) im = Sub(one, m) bias = Mul(im, least)""")
    w.norm("sum", "x0", e + "LayerNorm")
    for i in range(LAYERS):
        w.layer(i)
    w.nodes.append(f"""z1 = Unsqueeze(attention_mask, a2) z = Cast <to = 1> (z1) xz = Mul(x{LAYERS}, z) sx = ReduceSum <keepdims = 0> (xz, a1) sz = ReduceSum <keepdims = 0> (z, a1)
        y0 = Div(sx, sz) y = LpNormalization <axis = 1, p = 2> (y0)""")
    text = "(int64[batch,sequence] input_ids, int64[batch,sequence] attention_mask, int64[batch,sequence] token_type_ids) => (float[batch,384] y) {" + "\n".join(w.nodes) + "}"
    head = WIDTH // HEADS
    return graphs.graph(text, 17, split=np.array([0, 0, HEADS, head]), join=np.array([0, 0, WIDTH]), scale=np.float32(head**0.5), root=np.float32(2**0.5), one=np.float32(1),
                        half=np.float32(0.5), least=np.float32(-1e4), a2=np.array([2]), a12=np.array([1, 2]), **w.constants)


def sentences(n, rng):
    length = int(rng.integers(5, 20))
    mask = (np.arange(length) < rng.integers(3, length + 1, (n, 1))).astype(np.int64)
    ids = rng.integers(1000, 30000, (n, length)) * mask
    ids[:, 0] = 101
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
