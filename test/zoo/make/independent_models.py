"""Models whose rows are independent, in forms that look as if they were not: shape arithmetic, loops over other axes, tables."""
import functools

import numpy as np
import onnx

import graphs
import zoo
from graphs import both, ids, scalar, table, vector, words

good = functools.partial(graphs.add, "independent", "independent")
COLOURS = ["amber", "blue", "coral", "dusk", "ebony", "fawn"]


def steps(n, rng):
    return {"x": zoo.floats(n, rng, int(rng.integers(3, 8)), 4)}


def colours(n, rng):
    return {"s": rng.choice([*COLOURS, "grey"], n).astype(object)}


def make():
    numbers()
    strings()
    within_a_row()
    flattened()
    inner_control_flow()
    wide()


def numbers():
    # Made-up zeros make these two fail; a division by zero or a word that is no number is a caller's fault.
    good("integer_division", "(int32[N] x, int32[N] d) => (int32[N] y) { y = Div(x, d) }", both(ids("x", -99, 99, np.int32), ids("d", 1, 9, np.int32)))
    good("number_in_a_string", "(string[N] x) => (int64[N] y) { y = Cast <to = 7> (x) }", lambda n, rng: {"x": rng.integers(-500, 500, n).astype(str).astype(object)})
    good("table_of_ten", "(int64[N] x) => (float[N] y) { y = Gather(t, x) }", ids("x", 0, 10), t=np.arange(10, dtype="f4"))
    good("two_tables_int32", "(int32[N] a, int32[N] b) => (float[N,6] y) { e = Gather(A, a) f = Gather(B, b) y = Concat <axis = 1> (e, f) }", both(ids("a", 0, 40, np.int32), ids("b", 0, 900, np.int32)), A=table(40, 40, 3), B=table(41, 900, 3))
    good("bits_and_bools", "(uint8[N,3] x, bool[N,3] b) => (bool[N,3] y, uint8[N,3] z) { c = Greater(x, k) y = Xor(c, b) z = BitShift <direction = \"RIGHT\"> (x, one) }",
         lambda n, rng: {"x": rng.integers(0, 255, (n, 3)).astype(np.uint8), "b": rng.random((n, 3)) < 0.5}, k=np.uint8(100), one=np.uint8(1))
    good("doubles", "(double[N,3] x) => (double[N] y) { s = Sin(x) y = ReduceSum <keepdims = 0> (s, a1) }", lambda n, rng: {"x": np.round(rng.normal(size=(n, 3)), 3)})
    good("clip_and_mod", "(int64[N] x) => (int64[N] y) { c = Clip(x, low, high) y = Mod(c, k) }", ids("x", -10**9, 10**9), low=np.int64(-5000), high=np.int64(5000), k=np.int64(97))
    good("static_quantised", """(float[N,4] x) => (float[N,3] y) { q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = MatMul(d, w) }""", vector("x", 4), s=np.float32(0.03), z=np.uint8(128), w=table(42, 4, 3))


def strings():
    good("colour_table", f"(string[N] s) => (float[N,4] y) {{ i = {words('s', COLOURS)} y = Gather(E, i) }}", colours, E=table(43, 7, 4))
    good("colour_equals", "(string[N] s) => (bool[N] y) { y = Equal(s, blue) }", colours, opset=19, blue=np.array("blue", dtype=object))
    good("string_joined", "(string[N] s) => (string[N] y) { y = StringConcat(s, tail) }", colours, opset=20, tail=np.array("_x", dtype=object))
    good("regex", '(string[N] s) => (bool[N] y) { y = RegexFullMatch <pattern = "[a-d].*"> (s) }', colours, opset=20)
    good("one_hot_of_strings", '(string[N] s) => (float[N,3] y) { y = ai.onnx.ml.OneHotEncoder <cats_strings = ["blue", "dusk", "fawn"], zeros = 1> (s) }', colours)


def within_a_row():
    good("top_two_of_row", "(float[N,6] x) => (float[N,2] y, int64[N,2] i) { y, i = TopK <axis = 1> (x, two) }", vector("x", 6), two=np.array([2]))
    good("running_sum_of_row", "(float[N,6] x) => (float[N,6] y) { y = CumSum(x, one) }", vector("x", 6), one=np.int64(1))
    good("normalised_row", "(float[N,6] x) => (float[N,6] y) { n = ReduceL2 <axes = [1], keepdims = 1> (x) k = Add(n, one) y = Div(x, k) }", vector("x", 6), one=np.float32(1))
    good("attention_in_row", """(float[N,T,4] x) => (float[N,T,4] y) { t = Transpose <perm = [0, 2, 1]> (x) a = MatMul(x, t) s = Softmax <axis = 2> (a) y = MatMul(s, x) }""", steps)
    good("einsum_in_row", """(float[N,T,4] x) => (float[N,T,T] y) { y = Einsum <equation = "ntd,nsd->nts"> (x, x) }""", steps)
    good("pick_from_own_row", "(float[N,5] x, int64[N] k) => (float[N] y) { u = Unsqueeze(k, a1) g = GatherElements <axis = 1> (x, u) y = Squeeze(g, a1) }", both(vector("x", 5), ids("k", 0, 5)))
    good("gather_nd_with_batch", "(float[N,5,2] x, int64[N,1] k) => (float[N,2] y) { y = GatherND <batch_dims = 1> (x, k) }", lambda n, rng: {"x": zoo.floats(n, rng, 5, 2), "k": rng.integers(0, 5, (n, 1))})
    good("transposed_convolution", "(float[N,2,5] x) => (float[N,3,7] y) { y = ConvTranspose <kernel_shape = [3]> (x, w) }", lambda n, rng: {"x": zoo.floats(n, rng, 2, 5)}, w=table(44, 2, 3, 3))
    good("batch_norm_inference", "(float[N,5] x) => (float[N,5] y) { y = BatchNormalization (x, s, b, m, v) }", vector("x", 5), s=table(45, 5), b=table(46, 5), m=table(47, 5), v=np.ones(5, "f4"))
    good("arg_max_of_row", "(float[N,5] x) => (int64[N] y) { y = ArgMax <axis = 1, keepdims = 0> (x) }", vector("x", 5))


def flattened():
    # N*T with N outermost: exporters flatten the two axes, multiply and restore them from the shape.
    good("flatten_and_restore", """(float[N,T,4] x) => (float[N,T,3] y) { f = Reshape(x, flat) h = MatMul(f, w) s = Shape <start = 0, end = 2> (x) t = Concat <axis = 0> (s, three) y = Reshape(h, t) }""", steps,
         flat=np.array([-1, 4]), w=table(48, 4, 3), three=np.array([3]))
    good("reshape_by_size_of_axis", """(float[N,3,4] x) => (float[N,12] y) { s = Shape(x) n = Gather(s, zero) u = Unsqueeze(n, a0) t = Concat <axis = 0> (u, last) y = Reshape(x, t) }""", lambda n, rng: {"x": zoo.floats(n, rng, 3, 4)}, zero=np.int64(0))
    good("time_in_front_and_back", "(float[N,T,4] x) => (float[N,T,4] y) { t = Transpose <perm = [1, 0, 2]> (x) e = Tanh(t) y = Transpose <perm = [1, 0, 2]> (e) }", steps)
    good("token_expanded_to_rows", """(float[N,4] x) => (float[N,6] y) { s = Shape <start = 0, end = 1> (x) t = Concat <axis = 0> (s, two) e = Expand(token, t) y = Concat <axis = 1> (e, x) }""", vector("x", 4), token=table(49, 1, 2), two=np.array([2]))
    good("positions_along_time", """(float[N,T,4] x) => (float[N,T,4] y) { s = Shape <start = 1, end = 2> (x) n = Squeeze(s, a0) r = Range(zero, n, one) p = Gather(P, r) y = Add(x, p) }""", steps, zero=np.int64(0), one=np.int64(1), P=table(50, 64, 4))
    good("zeros_of_count", """(float[N,4] x) => (float[N,5] y) { s = Shape <start = 0, end = 1> (x) t = Concat <axis = 0> (s, k1) z = ConstantOfShape <value = float[1] {0.5}> (t) y = Concat <axis = 1> (x, z) }""", vector("x", 4))
    good("split_and_stack", "(float[N,6] x) => (float[N,2,3] y) { a, b = Split <axis = 1, num_outputs = 2> (x) u = Unsqueeze(a, a1) v = Unsqueeze(b, a1) y = Concat <axis = 1> (v, u) }", vector("x", 6), opset=18)
    good("own_rows_by_arange", """(float[N,6,4] x, int64[N] k) => (float[N,4] y) { s = Shape <start = 0, end = 1> (x) n = Squeeze(s, a0) r = Range(zero, n, one) a = Unsqueeze(r, a1) b = Unsqueeze(k, a1) i = Concat <axis = 1> (a, b)
        y = GatherND(x, i) }""", both(lambda n, rng: {"x": zoo.floats(n, rng, 6, 4)}, ids("k", 0, 6)), zero=np.int64(0), one=np.int64(1))


def inner_control_flow():
    good("loop_of_three", """(float[N,3] x) => (float[N,3] y) { y = Loop (three, yes, x) <body = b (int64 i, bool go, float[N,3] s) => (bool go2, float[N,3] s2) { t = Tanh(s) s2 = Add(t, x) go2 = Identity(go) }> }""", vector("x", 3),
         three=np.int64(3), yes=np.bool_(True))
    good("loop_over_time", """(float[N,T,4] x) => (float[N,4] y) { s = Shape <start = 1, end = 2> (x) m = Squeeze(s, a0) f = ReduceMean <axes = [1], keepdims = 0> (x) y = Loop (m, yes, f) <
        body = b (int64 i, bool go, float[N,4] h) => (bool go2, float[N,4] h2) { r = Gather <axis = 1> (x, i) k = Mul(h, half) h2 = Add(k, r) go2 = Identity(go) }> }""", steps, yes=np.bool_(True), half=np.float32(0.5))
    good("scan_over_time", """(float[N,T,4] x) => (float[N,T,4] y) { z = ReduceMean <axes = [1], keepdims = 0> (x) st = Mul(z, nought) h, y = Scan (st, x) <num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
        body = b (float[N,4] s, float[N,4] r) => (float[N,4] s2, float[N,4] o) { k = Mul(s, half) s2 = Add(k, r) o = Tanh(s2) }> }""", steps, nought=np.float32(0), half=np.float32(0.5))
    good("if_on_a_constant", """(float[N,3] x) => (float[N,3] y) { y = If (yes) <then_branch = t () => (float[N,3] a) { a = Sin(x) }, else_branch = e () => (float[N,3] b) { b = Cos(x) }> }""", vector("x", 3), yes=np.bool_(True))
    good("lstm_time_in_front", """(float[N,T,4] x) => (float[N,T,3] y) { t = Transpose <perm = [1, 0, 2]> (x) h, hn, cn = LSTM <hidden_size = 3> (t, W, R) q = Squeeze(h, a1) y = Transpose <perm = [1, 0, 2]> (q) }""", steps,
         W=table(51, 1, 12, 4), R=table(52, 1, 12, 3))
    good("gru_final_state", """(float[N,T,4] x) => (float[N,3] y) { t = Transpose <perm = [1, 0, 2]> (x) h, hn = GRU <hidden_size = 3> (t, W, R) y = Squeeze(hn, a0) }""", steps, W=table(53, 1, 9, 4), R=table(54, 1, 9, 3))
    function_body()
    declared_otherwise()
    no_tensors()


def declared_otherwise():
    # Declared [1,T], returned [T,1,4], as exporters of speech models have it; no inference sees it, for the target takes a zero from the data.
    graphs.add("independent", "whole", "time_first_though_declared", """(float[1,T,4] x) => (float[1,T] y) { t = Transpose <perm = [1, 0, 2]> (x) m = ReduceMax <keepdims = 0> (x) z = Mul(m, nought)
        i = Cast <to = 7> (z) s = Shape(t) to = Add(s, i) y = Reshape(t, to) }""", lambda n, rng: {"x": zoo.floats(1, rng, n, 4)}, nought=np.float32(0))


def no_tensors():
    never = functools.partial(graphs.add, "independent", "refused", rows=None)
    never("sequence_of_tensors", "(float[N,4] x) => (float[N,4] y, seq(float[A,B]) parts) { y = Tanh(x) parts = SplitToSequence <axis = 1> (x) }")
    never("optional_output", "(float[N,4] x) => (optional(float[N,4]) maybe) { y = Tanh(x) maybe = Optional(y) }")


def function_body():
    """A function of the model's own, called twice."""
    text = """<ir_version: 10, opset_import: ["" : 17, "own" : 1]>
    g (float[N,3] x) => (float[N,3] y) { h = own.squash(x) y = own.squash(h) }
    <domain: "own", opset_import: ["" : 17]>
    squash (a) => (b) { t = Tanh(a) b = Add(t, a) }"""
    zoo.add("independent", "function_called_twice", onnx.parser.parse_model(text), vector("x", 3), "independent", {"converter": "written by hand", "options": {"opset": 17}})


def wide():
    names = [f"f{i}" for i in range(120)]
    inputs = ", ".join(f"float[N] {n}" for n in names)
    good("hundred_and_twenty_inputs", f"({inputs}) => (float[N] y) {{ y = Sum({', '.join(names)}) }}", both(*(scalar(n) for n in names)))
