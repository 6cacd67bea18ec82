"""Writes the test models beside this file. Needs the packages onnx and numpy; the result depends on no random state.

    python make_models.py
"""

import pathlib

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx import save_model

HERE = pathlib.Path(__file__).parent
OPSETS = [h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 3)]


def val(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, weights=(), opsets=OPSETS):
    inits = [nh.from_array(w, n) for n, w in dict(weights).items()]
    graph = h.make_graph(nodes, name, inputs, outputs, inits)
    model = h.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="sluice-tests", producer_version="1")
    path = HERE / f"{name}.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    assert path.stat().st_size < 50_000, (name, path.stat().st_size)


def identity(name, kind, shape):
    save(name, [h.make_node("Identity", ["INPUT0"], ["OUTPUT0"])],
         [val("INPUT0", kind, shape)], [val("OUTPUT0", kind, shape)])


B = "batch"
save("simple",
     [h.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]), h.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"])],
     [val("INPUT0", T.INT32, [B, 16]), val("INPUT1", T.INT32, [B, 16])],
     [val("OUTPUT0", T.INT32, [B, 16]), val("OUTPUT1", T.INT32, [B, 16])])
for kind, label in [(T.FLOAT, "fp32"), (T.FLOAT16, "fp16"), (T.BFLOAT16, "bf16"), (T.STRING, "bytes"), (T.BOOL, "bool"),
                    (T.DOUBLE, "fp64"), (T.UINT64, "uint64"), (T.INT8, "int8")]:
    identity(f"id_{label}", kind, [B, 2])
identity("id_fp16_dynamic", T.FLOAT16, [B, "length"])
identity("raw1", T.FLOAT, [B])

# Output width depends on the data: the indices of positive elements of the whole tensor. Not batchable.
save("nonzero", [h.make_node("NonZero", ["x"], ["y"])], [val("x", T.FLOAT, ["n"])], [val("y", T.INT64, [1, "found"])])

# The output's width is not in the file: path without preallocated memory.
save("dynamic_output", [h.make_node("Concat", ["x", "x"], ["y"], axis=1)],
     [val("x", T.FLOAT, [B, 3])], [val("y", T.FLOAT, [B, "width"])])

# The file fixes the batch at 4; the second output tells which row of the run a row was.
save("fixed4", [h.make_node("Add", ["x", "x"], ["y"]),
                h.make_node("Add", ["place", "zero"], ["row"])],
     [val("x", T.FLOAT, [4, 3])], [val("y", T.FLOAT, [4, 3]), val("row", T.INT64, [4, 1])],
     {"place": np.arange(4, dtype=np.int64).reshape(4, 1), "zero": np.zeros((4, 1), np.int64)})

# Scalars: no axis for a batch.
save("scalar", [h.make_node("Mul", ["x", "k"], ["scaled"]),
                h.make_node("ReduceSum", ["scaled"], ["total"], keepdims=0)],
     [val("x", T.FLOAT, ["n"]), val("k", T.FLOAT, [])], [val("total", T.FLOAT, [])])

# Rows of different length: a masked sum, and a transformed sequence of the same length.
save("padded", [h.make_node("Mul", ["tokens", "mask"], ["kept"]),
                h.make_node("ReduceSum", ["kept", "axis"], ["sum"], keepdims=1),
                h.make_node("Add", ["tokens", "tokens"], ["doubled"])],
     [val("tokens", T.INT64, [B, "seq"]), val("mask", T.INT64, [B, "seq"])],
     [val("sum", T.INT64, [B, 1]), val("doubled", T.INT64, [B, "seq"])], {"axis": np.array([1], np.int64)})

# Strings with a free axis, to lower case.
save("lower", [h.make_node("Concat", ["text", "text"], ["twice"], axis=1)],
     [val("text", T.STRING, [B, "words"])], [val("twice", T.STRING, [B, "words2"])])

# An index out of range makes the model refuse the input.
save("gather", [h.make_node("Gather", ["table", "id"], ["row"], axis=0)],
     [val("id", T.INT64, [B])], [val("row", T.FLOAT, [B, 2])],
     {"table": np.arange(20, dtype=np.float32).reshape(10, 2)})

# Slow, in many short steps: what can be cut short. 96 x 96 weights used again and again.
STEPS = 400
w = (np.eye(96) * 0.5).astype(np.float32)
nodes = [h.make_node("Expand", ["x", "wide"], ["h0"])]
for i in range(STEPS):
    nodes.append(h.make_node("MatMul", [f"h{i}", "w"], [f"h{i + 1}"]))
nodes.append(h.make_node("ReduceSum", [f"h{STEPS}", "axes"], ["y"], keepdims=0))
save("slow", nodes, [val("x", T.FLOAT, [B, 1, 96])], [val("y", T.FLOAT, [B, 96])],
     {"w": w, "wide": np.array([1, 512, 96], np.int64), "axes": np.array([1], np.int64)})

# A classifier: labels and a sequence of maps.
for label, keys in [("strings", {"classlabels_strings": ["cat", "ant", "bee"]}), ("int64s", {"classlabels_int64s": [7, 3, 5]})]:
    kt = T.STRING if label == "strings" else T.INT64
    zipped = h.make_value_info("probabilities", h.make_sequence_type_proto(
        h.make_map_type_proto(kt, h.make_tensor_type_proto(T.FLOAT, None))))
    save(f"zipmap_{label}", [h.make_node("Identity", ["x"], ["same"]),
                             h.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", **keys)],
         [val("x", T.FLOAT, [B, 3])], [val("same", T.FLOAT, [B, 3]), zipped])

# No shapes on the outputs, no name on the batch.
y = h.make_value_info("y", h.make_tensor_type_proto(T.FLOAT, None))
save("unshaped", [h.make_node("Softmax", ["x"], ["y"], axis=1)], [val("x", T.FLOAT, [None, 4])], [y])

# A row's result depends on the others: the mean over the batch is taken away.
save("coupled", [h.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1), h.make_node("Sub", ["x", "mean"], ["y"])],
     [val("x", T.FLOAT, [B, 3])], [val("y", T.FLOAT, [B, 3])])

# Weights in a file beside the model; an old one would be appended to.
(HERE / "external.data").unlink(missing_ok=True)
graph = h.make_graph([h.make_node("MatMul", ["x", "w"], ["y"])], "external", [val("x", T.FLOAT, [B, 8])], [val("y", T.FLOAT, [B, 8])],
                     [nh.from_array((np.eye(8) * 3).astype(np.float32), "w")])
save_model(h.make_model(graph, opset_imports=OPSETS, ir_version=8), HERE / "external.onnx", save_as_external_data=True,
           all_tensors_to_one_file=True, location="external.data", size_threshold=0)

# Outputs whose file declares another shape than a run gives, as converters write them.
save("label1", [h.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0), h.make_node("Softmax", ["x"], ["scores"], axis=1)],
     [val("x", T.FLOAT, [B, 4])], [val("label", T.INT64, [1]), val("scores", T.FLOAT, [B, 4])])
save("column", [h.make_node("ReduceSum", ["x", "axis"], ["y"], keepdims=1)],
     [val("x", T.FLOAT, [B, 4])], [val("y", T.FLOAT, [B])], {"axis": np.array([1], np.int64)})
save("time_major", [h.make_node("Gather", ["table", "x"], ["rows"], axis=0), h.make_node("Transpose", ["rows"], ["y"], perm=[1, 0, 2])],
     [val("x", T.INT64, [1, "T"])], [val("y", T.FLOAT, [1, "T"])], {"table": np.arange(20, dtype=np.float32).reshape(10, 2)})
save("half_scalar", [h.make_node("ReduceSum", ["x"], ["sum"], keepdims=0), h.make_node("Cast", ["sum"], ["half"], to=T.FLOAT16)],
     [val("x", T.FLOAT, ["n"])], [val("sum", T.FLOAT, []), val("half", T.FLOAT16, ["n"])])
save("words", [h.make_node("Reshape", ["x", "column"], ["y"])], [val("x", T.STRING, [B, 2])], [val("y", T.STRING, [B])],
     {"column": np.array([-1, 1, 2], np.int64)})

# Fewer rows come out than go in: those whose sum is positive.
save("keep_rows", [h.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=0), h.make_node("Greater", ["sum", "zero"], ["keep"]),
                   h.make_node("Compress", ["x", "keep"], ["y"], axis=0)],
     [val("x", T.FLOAT, [B, 4])], [val("y", T.FLOAT, ["kept", 4])],
     {"axis": np.array([1], np.int64), "zero": np.array(0, np.float32)})

# What runs for one row alone: the row count was traced into the shape.
save("traced", [h.make_node("Reshape", ["x", "s"], ["y"], name="flat")], [val("x", T.FLOAT, [B, 4])], [val("y", T.FLOAT, [B, 4])],
     {"s": np.array([1, 4], np.int64)})

# What complains about zeros and about empty strings.
save("intdiv", [h.make_node("Div", ["x", "d"], ["y"], name="ratio")], [val("x", T.INT32, [B]), val("d", T.INT32, [B])], [val("y", T.INT32, [B])])
save("strint", [h.make_node("Cast", ["x"], ["y"], name="number", to=T.INT64)], [val("x", T.STRING, [B])], [val("y", T.INT64, [B])])
save("split_by", [h.make_node("Split", ["x", "sizes"], ["y", "z"], axis=0)],
     [val("x", T.FLOAT, ["n"]), val("sizes", T.INT64, [2])], [val("y", T.FLOAT, ["a"]), val("z", T.FLOAT, ["b"])])

# One row for all rows of a request beside n of the others, free and fixed in the file.
for name, axis in [("once", "U"), ("once_fixed", 1)]:
    save(name, [h.make_node("Add", ["items", "user"], ["y"]), h.make_node("Add", ["user", "user"], ["profile"])],
         [val("user", T.FLOAT, [axis, 2]), val("items", T.FLOAT, [B, 2])], [val("y", T.FLOAT, [B, 2]), val("profile", T.FLOAT, [axis, 2])])
save("once_words", [h.make_node("Identity", ["user"], ["same"]), h.make_node("Add", ["items", "items"], ["y"])],
     [val("user", T.STRING, ["U", "words"]), val("items", T.FLOAT, [B, 2])], [val("same", T.STRING, ["U", "words"]), val("y", T.FLOAT, [B, 2])])

# Inputs that the file has a value for.
save("optional", [h.make_node("Mul", ["x", "scale"], ["y"]), h.make_node("Identity", ["unit"], ["unit_out"])],
     [val("x", T.FLOAT, [B, 4]), val("scale", T.FLOAT, [1]), val("unit", T.STRING, [1])], [val("y", T.FLOAT, [B, 4]), val("unit_out", T.STRING, [1])],
     {"scale": np.array([3], np.float32), "unit": np.array(["m"], object)})

# Text models, by the locales that they name; without one it is en_US.UTF-8.
for name, locales in [("normalizer", [None]), ("normalizer_two", ["de_DE.UTF-8", "xx_YY"]), ("normalizer_turkish", ["tr_TR.UTF-8"])]:
    nodes, at = [], "x"
    for i, locale in enumerate(locales):
        to = "y" if i == len(locales) - 1 else f"t{i}"
        nodes.append(h.make_node("StringNormalizer", [at], [to], case_change_action="LOWER", is_case_sensitive=1, **({"locale": locale} if locale else {})))
        at = to
    save(name, nodes, [val("x", T.STRING, ["n"])], [val("y", T.STRING, ["m"])])
