"""Small graphs written as text, in the notation of onnx.parser."""
import numpy as np
import onnx
from onnx import numpy_helper, parser

import zoo

AXES = {"a0": np.array([0]), "a1": np.array([1]), "k1": np.array([1]), "last": np.array([-1]), "end": np.array([2**31])}


def graph(text, opset=17, **arrays):
    """Makes a model of "(inputs) => (outputs) { nodes }". Arrays are its constants; `a0`, `a1`, `k1`, `last`
    and `end` are at hand as the axes 0 and 1, the number 1, the index -1 and a large index."""
    parsed = parser.parse_graph("g " + text)
    used = {name for node in walk(parsed) for name in node.input}
    constants = {**AXES, **arrays}
    unused = set(arrays) - used
    if unused:
        raise SystemExit(f"constants that no node reads: {sorted(unused)}")
    parsed.initializer.extend(numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items() if n in used)
    domains = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    model = onnx.helper.make_model(parsed, opset_imports=domains, ir_version=10)
    onnx.checker.check_model(model)
    return model


def walk(part):
    for node in part.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from walk(attribute.g)


def add(group, kind, name, text, rows, opset=17, sizes=None, **arrays):
    origin = {"converter": "written by hand", "options": {"opset": opset}}
    zoo.add(group, name, graph(text, opset, **arrays), rows, kind, origin, sizes=sizes)


def words(name, choices):
    quoted = ", ".join(f'"{c}"' for c in choices)
    return f'ai.onnx.ml.LabelEncoder <keys_strings = [{quoted}], values_int64s = [{", ".join(map(str, range(1, len(choices) + 1)))}], default_int64 = 0> ({name})'


def vector(name, width, scale=1):
    return lambda n, rng: {name: np.round(scale * zoo.floats(n, rng, width), 3)}


def scalar(name, scale=1):
    return lambda n, rng: {name: np.round(scale * zoo.floats(n, rng), 3)}


def ids(name, low, high, dtype=np.int64):
    return lambda n, rng: {name: rng.integers(low, high, n).astype(dtype)}


def both(*draws):
    def rows(n, rng):
        feed = {}
        for draw in draws:
            feed.update(draw(n, rng))
        return feed

    return rows


def table(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
