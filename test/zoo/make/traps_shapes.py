"""Models whose rows depend on each other by their number, place and lengths, and by control flow."""
import functools

import numpy as np

import graphs
import zoo
from graphs import both, ids, scalar, table, vector

trap = functools.partial(graphs.add, "traps", "mixes")


def padded(n, rng):
    """Rows of one request's length; each row's own length is at most that."""
    time = int(rng.integers(5, 9))
    return {"x": zoo.floats(n, rng, time, 4), "len": rng.integers(1, time + 1, n)}


def padded_to_eight(n, rng):
    return {"x": zoo.floats(n, rng, 8, 4), "len": rng.integers(1, 9, n)}


def tokens(n, rng):
    return {"t": rng.integers(1, 90, (n, 12)) * (np.arange(12) < rng.integers(1, 13, (n, 1)))}


def make():
    lengths()
    places_and_counts()
    rows_in_and_out()
    branches_and_loops()
    recurrent()
    reshaped()


def lengths():
    longest = "mx = ReduceMax <axes = [0], keepdims = 1> (len)"
    trap("maxlen_mean", f"(float[N,T,4] x, int64[N] len) => (float[N,4] y) {{ {longest} tr = Slice(x, a0, mx, a1) y = ReduceMean <axes = [1], keepdims = 0> (tr) }}", padded)
    trap("maxlen_mean_fixed_width", f"(float[N,8,4] x, int64[N] len) => (float[N,4] y) {{ {longest} tr = Slice(x, a0, mx, a1) y = ReduceMean <axes = [1], keepdims = 0> (tr) }}", padded_to_eight)
    trap("trimmed_output", f"(float[N,8,4] x, int64[N] len) => (float[N,M,4] y) {{ {longest} y = Slice(x, a0, mx, a1) }}", padded_to_eight)
    trap("relative_length", f"""(float[N,8,4] x, int64[N] len) => (float[N] y) {{ {longest} a = Cast <to = 1> (len) b = Cast <to = 1> (mx) r = Div(a, b) f = ReduceMean <axes = [1, 2], keepdims = 0> (x)
        y = Mul(f, r) }}""", padded_to_eight)
    trap("mask_to_longest", f"""(int64[N] len) => (bool[N,M] y) {{ mx = ReduceMax <axes = [0], keepdims = 0> (len) p = Range(zero, mx, one) a = Unsqueeze(p, a0) b = Unsqueeze(len, a1) y = Less(a, b) }}""",
         ids("len", 1, 20), zero=np.int64(0), one=np.int64(1))
    trap("lengths_differ", """(float[N,8,4] x, int64[N] len) => (float[N] y) { h = ReduceMax <axes = [0], keepdims = 1> (len) l = ReduceMin <axes = [0], keepdims = 1> (len) same = Equal(h, l)
        f = ReduceMean <axes = [1, 2], keepdims = 0> (x) g = Mul(f, two) y = Where(same, g, f) }""",
         lambda n, rng: {"x": zoo.floats(n, rng, 8, 4), "len": np.full(n, rng.integers(1, 9))}, two=np.float32(2))
    # The last column that any row fills bounds the mean: how tokenisers trim their padding.
    trap("padding_trimmed", """(int64[N,12] t) => (float[N] y) { used = ReduceMax <axes = [0], keepdims = 0> (t) b = Greater(used, zero) i = Cast <to = 7> (b) n = ReduceSum <keepdims = 1> (i, a0)
        tr = Slice(t, a0, n, a1) f = Cast <to = 1> (tr) y = ReduceMean <axes = [1], keepdims = 0> (f) }""", tokens, zero=np.int64(0))
    trap("reverse_over_rows", "(float[N,4] x) => (float[N,4] y) { s = Shape <end = 1> (x) w = Expand(s, four) y = ReverseSequence <batch_axis = 1, time_axis = 0> (x, w) }", vector("x", 4), four=np.array([4]))


def places_and_counts():
    count = "n = Shape <start = 0, end = 1> (x) s = Squeeze(n, a0)"
    x = vector("x", 3)
    trap("position_added", f"(float[N,3] x) => (float[N,3] y) {{ {count} r = Range(zero, s, one) f = Cast <to = 1> (r) u = Unsqueeze(f, a1) p = Mul(u, tenth) y = Add(x, p) }}", x,
         zero=np.int64(0), one=np.int64(1), tenth=np.float32(0.1))
    trap("position_table", f"(float[N,3] x) => (float[N,3] y) {{ {count} r = Range(zero, s, one) p = Gather(P, r) y = Add(x, p) }}", x, zero=np.int64(0), one=np.int64(1), P=table(20, 512, 3))
    trap("position_is_output", f"(float[N,3] x) => (int64[N] y) {{ {count} y = Range(zero, s, one) }}", x, zero=np.int64(0), one=np.int64(1))
    trap("position_from_running_ones", """(int64[N] c) => (int64[N] y) { z = Mul(c, zero) o = Add(z, one) p = CumSum(o, axis) y = Add(p, c) }""", ids("c", 0, 5), zero=np.int64(0), one=np.int64(1), axis=np.int64(0))
    trap("divided_by_count", f"(float[N,3] x) => (float[N,3] y) {{ {count} f = Cast <to = 1> (s) y = Div(x, f) }}", x)
    trap("divided_by_size", "(float[N,3] x) => (float[N,3] y) { n = Size(x) f = Cast <to = 1> (n) y = Div(x, f) }", x)
    trap("count_of_strings", "(string[N] s, float[N] x) => (float[N] y) { n = Shape(s) f = Cast <to = 1> (n) y = Mul(x, f) }", both(lambda n, rng: {"s": rng.choice(["a", "b", "c"], n).astype(object)}, scalar("x")))
    trap("alone_or_not", f"(float[N,3] x) => (float[N,3] y) {{ {count} b = Greater(s, one) d = Mul(x, two) y = Where(b, d, x) }}", x, sizes=(1,) * 5 + (3, 17), one=np.int64(1), two=np.float32(2))
    # A request of up to 17 rows alone never gets there.
    trap("more_than_twenty", f"(float[N,3] x) => (float[N,3] y) {{ {count} b = Greater(s, twenty) d = Neg(x) y = Where(b, d, x) }}", x, twenty=np.int64(20))
    trap("odd_count", f"(float[N,3] x) => (float[N,3] y) {{ {count} m = Mod(s, two) f = Cast <to = 1> (m) y = Add(x, f) }}", x, two=np.int64(2))
    trap("diagonal_added", """(float[N,3] x) => (float[N,3] y) { n = Shape(x) z = ConstantOfShape <value = float[1] {0}> (n) e = EyeLike(z) y = Add(x, e) }""", x)
    trap("root_of_count_scales", f"(float[N,3] x) => (float[N,3] y) {{ {count} f = Cast <to = 1> (s) r = Sqrt(f) t = Div(x, r) y = Tanh(t) }}", x)


def rows_in_and_out():
    x = vector("x", 4)
    positive = "s = ReduceSum <keepdims = 0> (x, a1) c = Greater(s, zero)"
    trap("keep_rows", f"(float[N,4] x) => (float[K,4] y) {{ {positive} y = Compress <axis = 0> (x, c) }}", x, zero=np.float32(0))
    trap("count_of_kept", f"(float[N,4] x) => (float[N,4] y) {{ {positive} i = NonZero(c) n = Size(i) f = Cast <to = 1> (n) y = Add(x, f) }}", x, zero=np.float32(0))
    trap("kept_first", f"(float[N,4] x) => (float[N,4] y) {{ {positive} d = Not(c) a = Compress <axis = 0> (x, c) b = Compress <axis = 0> (x, d) y = Concat <axis = 0> (a, b) }}", x, zero=np.float32(0))
    trap("indices_of_kept", f"(float[N,4] x) => (int64[1,K] y) {{ {positive} y = NonZero(c) }}", x, zero=np.float32(0))
    trap("top_three", "(float[N] x) => (float[3] y, int64[3] i) { y, i = TopK <axis = 0> (x, three) }", scalar("x"), sizes=(3, 17, 5, 8, 4, 6), three=np.array([3]))

    def boxes(n, rng):
        corner = rng.random((n, 2)) * 3
        return {"boxes": np.round(np.concatenate([corner, corner + 1 + rng.random((n, 2))], axis=1), 3).astype("f4"), "scores": np.round(rng.random(n), 3).astype("f4")}

    trap("non_max_suppression", """(float[N,4] boxes, float[N] scores) => (int64[K,3] kept) { b = Unsqueeze(boxes, a0) u = Unsqueeze(scores, a0) v = Unsqueeze(u, a0)
        kept = NonMaxSuppression(b, v, most, overlap, least) }""", boxes, most=np.array([100]), overlap=np.array([0.3], "f4"), least=np.array([0.2], "f4"))
    trap("two_stages", """(float[N,4] x) => (float[N] y) { h = MatMul(x, w) s = Squeeze(h, a1) n = Shape(s) k0 = Add(n, k1) k = Div(k0, two) v, i = TopK <axis = 0> (s, k) best = Gather(x, i)
        t = Transpose <perm = [1, 0]> (best) a = MatMul(x, t) p = Softmax <axis = 1> (a) c = MatMul(p, best) g = MatMul(c, w) f = Squeeze(g, a1) y = Add(f, s) }""", x, w=table(21, 4, 1), two=np.array([2]))
    trap("scores_reranked", """(float[N] x) => (float[N] y) { n = Shape(x) v, i = TopK <axis = 0> (x, n) m = ReduceMean <axes = [0], keepdims = 1> (v) d = Sub(v, m) y = ScatterElements <axis = 0> (x, i, d) }""", scalar("x"))


def branches_and_loops():
    x = vector("x", 3)
    trap("if_sum_positive", """(float[N,3] x) => (float[N,3] y) { s = ReduceSum <keepdims = 0> (x) c = Greater(s, zero)
        y = If (c) <then_branch = t () => (float[N,3] a) { a = Mul(x, two) }, else_branch = e () => (float[N,3] b) { b = Neg(x) }> }""", x, zero=np.float32(0), two=np.float32(2))
    trap("if_more_than_one_row", """(float[N,3] x) => (float[N,3] y) { n = Shape <start = 0, end = 1> (x) c1 = Greater(n, k1) c = Squeeze(c1, a0)
        y = If (c) <then_branch = t () => (float[N,3] a) { m = ReduceMean <axes = [0], keepdims = 1> (x) a = Sub(x, m) }, else_branch = e () => (float[N,3] b) { b = Identity(x) }> }""", x)
    trap("if_any_unknown", """(int64[N] c) => (int64[N] y) { m = ReduceMin <axes = [0], keepdims = 0> (c) bad = Less(m, zero)
        y = If (bad) <then_branch = t () => (int64[N] a) { a = Abs(c) }, else_branch = e () => (int64[N] b) { b = Mul(c, ten) }> }""", ids("c", -1, 25), zero=np.int64(0), ten=np.int64(10))
    body = "body = b (int64 i, bool go, float[N,3] s) => (bool go2, float[N,3] s2) { s2 = Mul(s, factor) go2 = Identity(go) }"
    trap("loop_to_largest", f"(float[N,3] x, int64[N] steps) => (float[N,3] y) {{ m = ReduceMax <axes = [0], keepdims = 0> (steps) y = Loop (m, yes, x) <{body}> }}", both(x, ids("steps", 1, 6)), yes=np.bool_(True), factor=np.float32(1.5))
    trap("loop_as_many_as_rows", f"(float[N,3] x) => (float[N,3] y) {{ n = Shape <start = 0, end = 1> (x) m = Squeeze(n, a0) y = Loop (m, yes, x) <{body}> }}", x, yes=np.bool_(True), factor=np.float32(1.1))
    until = "body = b (int64 i, bool go, float[N,3] s) => (bool go2, float[N,3] s2) { s2 = Mul(s, factor) m = ReduceMax <keepdims = 0> (s2) go2 = Less(m, limit) }"
    trap("loop_until_large", f"(float[N,3] x) => (float[N,3] y) {{ p = Abs(x) q = Add(p, limit0) y = Loop (most, yes, q) <{until}> }}", x, yes=np.bool_(True), factor=np.float32(1.5), limit=np.float32(8), limit0=np.float32(0.5), most=np.int64(12))
    trap("loop_over_rows", """(float[N,3] x) => (float[N,3] y) { n = Shape <start = 0, end = 1> (x) m = Squeeze(n, a0) z = Gather(x, zero) st = Mul(z, nought) last_state, y = Loop (m, yes, st) <
        body = b (int64 i, bool go, float[3] s) => (bool go2, float[3] s2, float[3] o) { r = Gather(x, i) s2 = Add(s, r) o = Identity(s2) go2 = Identity(go) }> }""", x, zero=np.int64(0), nought=np.float32(0), yes=np.bool_(True))
    trap("scan_over_rows", """(float[N,3] x) => (float[N,3] y) { last_state, y = Scan (start, x) <num_scan_inputs = 1, body = b (float[3] s, float[3] r) => (float[3] s2, float[3] o) { h = Mul(s, half) s2 = Add(h, r)
        o = Tanh(s2) }> }""", x, start=np.zeros(3, "f4"), half=np.float32(0.5))


def recurrent():
    x = vector("x", 4)
    lstm = {"W": table(22, 1, 12, 4), "R": table(23, 1, 12, 3)}
    as_time = "t = Unsqueeze(x, a1)"
    out = "q = Squeeze(h, a1) y = Squeeze(q, a1)"
    trap("lstm_rows_are_time", f"(float[N,4] x) => (float[N,3] y) {{ {as_time} h, hn, cn = LSTM <hidden_size = 3> (t, W, R) {out} }}", x, **lstm)
    trap("gru_rows_are_time", f"(float[N,4] x) => (float[N,3] y) {{ {as_time} h, hn = GRU <hidden_size = 3> (t, W, R) {out} }}", x, W=table(24, 1, 9, 4), R=table(25, 1, 9, 3))
    trap("rnn_backward_rows", f"(float[N,4] x) => (float[N,3] y) {{ {as_time} h, hn = RNN <hidden_size = 3, direction = \"reverse\"> (t, W, R) {out} }}", x, W=table(26, 1, 3, 4), R=table(27, 1, 3, 3))
    trap("lstm_last_state", f"(float[N,4] x) => (float[N,7] y) {{ {as_time} h, hn, cn = LSTM <hidden_size = 3> (t, W, R) s = Squeeze(hn, a0) n = Shape <start = 0, end = 1> (x) to = Concat <axis = 0> (n, three) e = Expand(s, to) y = Concat <axis = 1> (x, e) }}",
         x, three=np.array([3]), **lstm)


def reshaped():
    x = vector("x", 4)
    trap("regrouped_by_reshape", "(float[N,4] x) => (float[N] y) { r = Reshape(x, to) y = ReduceSum <keepdims = 0> (r, a0) }", x, to=np.array([4, -1]))
    trap("transposed_flat", "(float[N,4] x) => (float[N,4] y) { t = Transpose <perm = [1, 0]> (x) s = Shape(x) y = Reshape(t, s) }", x)
    trap("rolled_flat", "(float[N,4] x) => (float[N,4] y) { f = Reshape(x, last) h = Slice(f, k1, end, a0) e = Slice(f, a0, k1, a0) c = Concat <axis = 0> (h, e) s = Shape(x) y = Reshape(c, s) }", x)
    trap("half_and_half", """(float[N,4] x) => (float[N,4] y) { n = Shape <start = 0, end = 1> (x) h = Div(n, two) a = Slice(x, a0, h, a0) b = Slice(x, h, n, a0) c = Neg(a) y = Concat <axis = 0> (c, b) }""", x, two=np.array([2]))
    trap("tiled_then_cut", """(float[N,4] x) => (float[N,4] y) { t = Tile(x, twice) n = Shape <start = 0, end = 1> (x) from = Add(k1, a0) to = Add(n, k1) y = Slice(t, from, to, a0) }""", x, twice=np.array([2, 1]))
