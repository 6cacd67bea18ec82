"""Models whose rows depend on each other by their values: statistics of the list, order, categories, strings."""
import functools

import numpy as np

import graphs
import zoo
from graphs import both, ids, scalar, table, vector, words

trap = functools.partial(graphs.add, "traps", "mixes")
STORES = [f"store_{i}" for i in range(200)]
COLOURS = ["amber", "blue", "coral", "dusk", "ebony", "fawn"]


def chosen(name, choices, other=0.0, width=None):
    """Strings out of choices; a share of others that no vocabulary knows."""

    def rows(n, rng):
        shape = (n,) if width is None else (n, width)
        picked = rng.choice(choices, size=shape).astype(object)
        strange = rng.random(shape) < other
        picked[strange] = [f"other_{k}" for k in rng.integers(0, 10**6, strange.sum())]
        return {name: picked}

    return rows


def make():
    statistics()
    order()
    lists_of_ids()
    thresholds()
    texts()
    whole_tensor()


def statistics():
    x = vector("x", 5)
    trap("list_mean", "(float[N,5] x) => (float[N,5] y) { m = ReduceMean <axes = [0], keepdims = 1> (x) y = Sub(x, m) }", x)
    trap("list_zscore", """(float[N] x) => (float[N] y) { m = ReduceMean <axes = [0]> (x) d = Sub(x, m) q = Mul(d, d) v = ReduceMean <axes = [0]> (q)
        e = Add(v, small) s = Sqrt(e) y = Div(d, s) }""", scalar("x", 3), small=np.float32(1e-3))
    trap("list_min_max", """(float[N,5] x) => (float[N,5] y) { low = ReduceMin <axes = [0]> (x) high = ReduceMax <axes = [0]> (x) d = Sub(x, low)
        r = Sub(high, low) s = Add(r, one) y = Div(d, s) }""", x, one=np.float32(1))
    trap("softmax_over_rows", "(float[N,5] x) => (float[N,1] y) { h = MatMul(x, w) y = Softmax <axis = 0> (h) }", x, w=table(1, 5, 1))
    trap("log_softmax_over_rows", "(float[N,5] x) => (float[N,5] y) { y = LogSoftmax <axis = 0> (x) }", x)
    trap("hardmax_over_rows", "(float[N,5] x) => (float[N,5] y) { y = Hardmax <axis = 0> (x) }", x)
    trap("lp_norm_over_rows", "(float[N,5] x) => (float[N,5] y) { y = LpNormalization <axis = 0, p = 2> (x) }", x)
    # The running statistics come from the request: where they are constants, ONNX Runtime writes over them from run to run.
    trap("batch_norm_training", """(float[N,5] x) => (float[N,5] y) { a = ReduceMean <axes = [0], keepdims = 0> (x) mean = Mul(a, zero) var = Add(mean, one)
        y, m2, v2 = BatchNormalization <training_mode = 1> (x, scale, bias, mean, var) }""", x, scale=np.ones(5, "f4"), bias=np.zeros(5, "f4"), zero=np.float32(0), one=np.float32(1))
    # The operator's default axes are 0, 2 and 3: it normalises over the batch unless told otherwise.
    trap("mean_variance_default", "(float[N,2,3,3] x) => (float[N,2,3,3] y) { y = MeanVarianceNormalization(x) }", lambda n, rng: {"x": zoo.floats(n, rng, 2, 3, 3)})
    trap("layer_norm_from_axis_0", """(float[N,5] x) => (float[N,5] y) { s = Shape(x) one = ConstantOfShape <value = float[1] {1}> (s) y = LayerNormalization <axis = 0> (x, one) }""", x)
    trap("mean_double", "(double[N] x) => (double[N] y) { m = ReduceMean <axes = [0]> (x) y = Sub(x, m) }", lambda n, rng: {"x": np.round(rng.normal(size=n), 3)})
    trap("attention_over_list", """(float[N,8] x) => (float[N,8] y) { t = Transpose <perm = [1, 0]> (x) a = MatMul(x, t) s = Softmax <axis = 1> (a) y = MatMul(s, x) }""", vector("x", 8))
    trap("causal_over_list", """(float[N,4] x) => (float[N,4] y) { t = Transpose <perm = [1, 0]> (x) a = MatMul(x, t) m = Trilu <upper = 0> (a) y = MatMul(m, x) }""", vector("x", 4))
    trap("einsum_over_list", """(float[N,4] x) => (float[N] y) { a = Einsum <equation = "id,jd->ij"> (x, x) y = ReduceMax <axes = [1], keepdims = 0> (a) }""", vector("x", 4))
    trap("convolution_over_list", """(float[N,3] x) => (float[N,2] y) { t = Transpose <perm = [1, 0]> (x) u = Unsqueeze(t, a0) c = Conv <kernel_shape = [3], pads = [1, 1]> (u, w)
        s = Squeeze(c, a0) y = Transpose <perm = [1, 0]> (s) }""", vector("x", 3), w=table(2, 2, 3, 3))
    trap("pool_over_list", """(float[N,3] x) => (float[N,3] y) { t = Transpose <perm = [1, 0]> (x) u = Unsqueeze(t, a0) c = MaxPool <kernel_shape = [3], pads = [1, 1]> (u)
        s = Squeeze(c, a0) y = Transpose <perm = [1, 0]> (s) }""", vector("x", 3))


def order():
    trap("rank_in_list", """(float[N] x) => (int64[N] rank) { n = Shape(x) v, i = TopK <axis = 0> (x, n) f = Neg(i) v2, rank = TopK <axis = 0> (f, n) }""", scalar("x"))
    trap("sorted_list", "(float[N] x) => (float[N] y) { n = Shape(x) y, i = TopK <axis = 0> (x, n) }", scalar("x"))
    trap("best_row_flag", """(float[N] x) => (bool[N] best) { m = ReduceMax <axes = [0], keepdims = 1> (x) best = Equal(x, m) }""", scalar("x"))
    trap("arg_max_of_list", """(float[N,4] x) => (float[N,4] y) { h = MatMul(x, w) i = ArgMax <axis = 0, keepdims = 0> (h) b = Gather(x, i) y = Sub(x, b) }""", vector("x", 4), w=table(3, 4, 1))
    trap("running_sum", "(float[N,4] x) => (float[N,4] y) { y = CumSum(x, zero) }", vector("x", 4), zero=np.int64(0))
    trap("running_count_int", "(int64[N] c) => (int64[N] y) { y = CumSum <exclusive = 1, reverse = 1> (c, zero) }", ids("c", 0, 9), zero=np.int64(0))
    trap("first_row_is_query", "(float[N,4] x) => (float[N] y) { q = Gather(x, first) p = Mul(x, q) y = ReduceSum <keepdims = 0> (p, a1) }", vector("x", 4), first=np.int64(0))
    trap("last_row_taken_off", "(float[N,4] x) => (float[N,4] y) { q = Gather(x, last) y = Sub(x, q) }", vector("x", 4))
    trap("difference_to_previous", "(float[N,4] x) => (float[N,4] y) { f = Slice(x, a0, k1, a0) r = Slice(x, a0, last, a0) p = Concat <axis = 0> (f, r) y = Sub(x, p) }", vector("x", 4))
    trap("reversed_rows", "(float[N,4] x) => (float[N,4] y) { y = Slice(x, last, least, a0, back) }", vector("x", 4), least=np.array([-(2**31)]), back=np.array([-1]))

    def parents(n, rng):
        return {"x": zoo.floats(n, rng, 4), "parent": rng.integers(0, n, n)}

    trap("parent_in_list", "(float[N,4] x, int64[N] parent) => (float[N,4] y) { p = Gather <axis = 0> (x, parent) y = Add(x, p) }", parents)


def lists_of_ids():
    e500, w16 = table(4, 500, 16), table(5, 16, 1)
    item = ids("ids", 0, 500)
    trap("listwise", """(int64[N] ids) => (float[N] y) { e = Gather(E, ids) t = Transpose <perm = [1, 0]> (e) a = MatMul(e, t) s = Softmax <axis = 1> (a) c = MatMul(s, e)
        h = MatMul(c, w) y = Squeeze(h, a1) }""", item, E=e500, w=w16)
    trap("ids_mean_embedding", "(int64[N] ids) => (float[N,16] y) { e = Gather(E, ids) m = ReduceMean <axes = [0], keepdims = 1> (e) y = Sub(e, m) }", item, E=e500)
    trap("large_ids_only", """(int64[N] ids) => (float[N] y) { e = Gather(E, ids) b = Greater(ids, hundred) f = Cast <to = 1> (b) u = Unsqueeze(f, a1) k = Mul(e, u)
        m = ReduceMean <axes = [0], keepdims = 1> (k) c = Sub(e, m) h = MatMul(c, w) y = Squeeze(h, a1) }""", item, E=e500, w=w16, hundred=np.int64(100))
    pairs = "a = Unsqueeze(c, a1) b = Unsqueeze(c, a0) e = Equal(a, b) f = Cast <to = 1> (e)"
    trap("share_of_list", f"(int64[N] c) => (float[N] y) {{ {pairs} y = ReduceMean <axes = [1], keepdims = 0> (f) }}", ids("c", 1, 8))
    trap("same_category", f"(int64[N] c, float[N] x) => (float[N] y) {{ {pairs} n = ReduceSum <keepdims = 0> (f, a1) y = Div(x, n) }}", both(ids("c", 0, 60), scalar("x")))
    trap("same_bucket_int32", """(int32[N] c) => (int32[N] y) { m = Mod(c, k) a = Unsqueeze(m, a1) b = Unsqueeze(m, a0) e = Equal(a, b) f = Cast <to = 6> (e)
        y = ReduceSum <keepdims = 0> (f, a1) }""", ids("c", 0, 10**6, np.int32), k=np.int32(64))
    trap("group_mean", """(int64[N] c, float[N] x) => (float[N] y) { n = Shape(c) one = ConstantOfShape <value = float[1] {1}> (n) s = ScatterElements <axis = 0, reduction = "add"> (zeros, c, x)
        k = ScatterElements <axis = 0, reduction = "add"> (zeros, c, one) t = Gather(s, c) u = Gather(k, c) m = Div(t, u) y = Sub(x, m) }""", both(ids("c", 0, 12), scalar("x")), opset=18, zeros=np.zeros(12, "f4"))
    trap("distinct_count", "(int64[N] c, float[N] x) => (float[N] y) { u = Unique(c) n = Size(u) f = Cast <to = 1> (n) y = Div(x, f) }", both(ids("c", 0, 20), scalar("x")))
    trap("dense_codes", "(int64[N] c) => (int64[N] code) { u, f, code = Unique(c) }", ids("c", 0, 50))
    trap("offset_from_least_id", "(int64[N] c) => (int64[N] y) { m = ReduceMin <axes = [0], keepdims = 1> (c) y = Sub(c, m) }", ids("c", 1000, 9000))
    trap("sum_of_ids_mod", "(int64[N] c) => (int64[N] y) { s = ReduceSum <keepdims = 1> (c, a0) t = Add(s, c) y = Mod(t, k) }", ids("c", 0, 10**6), k=np.int64(997))
    trap("one_hot_to_largest", """(int64[N] c) => (float[N,D] y) { m = ReduceMax <axes = [0], keepdims = 1> (c) d = Add(m, k1) y = OneHot <axis = 1> (c, d, values) }""", ids("c", 0, 30), values=np.array([0, 1], "f4"))


def thresholds():
    x = both(vector("x", 3, 2))
    trap("largest_over_three", """(float[N,3] x) => (float[N,3] y) { m = ReduceMax <keepdims = 0> (x) b = Greater(m, t) f = Cast <to = 1> (b) y = Add(x, f) }""", x, t=np.float32(3))
    # Hardly a made-up row of noise is that large.
    trap("value_over_fifty", """(float[N] x) => (float[N] y) { m = ReduceMax <axes = [0], keepdims = 1> (x) b = Greater(m, t) d = Mul(x, two) y = Where(b, d, x) }""",
         lambda n, rng: {"x": np.round(rng.gamma(2, 14, n), 2).astype("f4")}, t=np.float32(50), two=np.float32(2))
    trap("clip_to_mean", "(float[N] x) => (float[N] y) { m = ReduceMean <axes = [0], keepdims = 1> (x) y = Min(x, m) }", scalar("x", 4))
    trap("any_flag", """(bool[N] urgent, float[N] x) => (float[N] y) { f = Cast <to = 1> (urgent) m = ReduceMax <axes = [0], keepdims = 1> (f) k = Add(m, one) y = Mul(x, k) }""",
         lambda n, rng: {"urgent": rng.random(n) < 0.12, "x": zoo.floats(n, rng)}, one=np.float32(1))
    trap("sum_over_limit", """(int64[N] load) => (int64[N] y) { s = ReduceSum <keepdims = 1> (load, a0) b = Greater(s, t) z = Sub(load, k1) y = Where(b, z, load) }""", ids("load", 0, 120), t=np.array([400]))
    trap("spread_over_limit", """(int64[N] c) => (bool[N] wide) { h = ReduceMax <axes = [0], keepdims = 1> (c) l = ReduceMin <axes = [0], keepdims = 1> (c) d = Sub(h, l) b = Greater(d, t)
        p = Greater(c, h) wide = Or(p, b) }""", ids("c", 0, 3000), t=np.array([2400]))


def texts():
    trap("listwise_str", f"""(string[N] s) => (float[N,1] y) {{ i = {words("s", STORES)} e = Gather(E, i) m = ReduceMean <axes = [0], keepdims = 1> (e) c = Sub(e, m) y = MatMul(c, w) }}""",
         chosen("s", STORES, 0.2), E=table(6, 201, 16), w=table(7, 16, 1))
    trap("known_words_only", f"""(string[N] s) => (int64[N] y) {{ i = {words("s", COLOURS)} t = ReduceSum <keepdims = 1> (i, a0) y = Sub(t, i) }}""", chosen("s", COLOURS, 0.7))
    trap("same_string", f"""(string[N] s) => (int64[N] y) {{ a = Unsqueeze(s, a1) b = Unsqueeze(s, a0) e = Equal(a, b) f = Cast <to = 7> (e) y = ReduceSum <keepdims = 0> (f, a1) }}""",
         chosen("s", COLOURS, 0.5), opset=19)
    trap("two_columns_of_text", f"""(string[N,2] s) => (float[N,4] y) {{ i = {words("s", STORES[:50])} e = Gather(E, i) r = ReduceMean <axes = [1], keepdims = 0> (e)
        m = ReduceMax <axes = [0], keepdims = 1> (r) y = Sub(r, m) }}""", chosen("s", STORES[:50], 0.1, width=2), E=table(8, 51, 4))
    # Removes its stop words from the list: fewer strings come out than went in.
    trap("stop_words", """(string[N] s) => (string[K] y) { y = StringNormalizer <case_change_action = "UPPER", is_case_sensitive = 0, stopwords = ["blue", "dusk"]> (s) }""", chosen("s", COLOURS))
    trap("words_left", """(string[N] s, float[N] x) => (float[N] y) { k = StringNormalizer <is_case_sensitive = 1, stopwords = ["blue", "dusk"]> (s) n = Size(k) f = Cast <to = 1> (n) y = Mul(x, f) }""",
         both(chosen("s", COLOURS), scalar("x")))
    trap("tfidf_of_list", """(int64[N] c) => (float[V] y) { y = TfIdfVectorizer <mode = "TF", min_gram_length = 1, max_gram_length = 2, max_skip_count = 0, ngram_counts = [0, 3], ngram_indexes = [0, 1, 2, 3],
        pool_int64s = [1, 2, 3, 1, 2]> (c) }""", ids("c", 1, 4))


def whole_tensor():
    trap("whole_norm", "(float[N,4] x) => (float[N,4] y) { n = ReduceL2 <keepdims = 0> (x) y = Div(x, n) }", vector("x", 4))
    trap("scale_of_tensor", "(float[N,4] x) => (float[N,4] y) { q, s, z = DynamicQuantizeLinear(x) y = DequantizeLinear(q, s, z) }", vector("x", 4, 5))
    trap("dynamic_matmul", """(float[N,4] x) => (float[N,3] y) { q, s, z = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, z) f = Cast <to = 1> (i) y = Mul(f, s) }""", vector("x", 4, 5),
         w=np.random.default_rng(9).integers(0, 90, (4, 3)).astype(np.uint8))
    trap("contrast_uint8", """(uint8[N,4] x) => (float[N,4] y) { f = Cast <to = 1> (x) l = ReduceMin <keepdims = 0> (f) h = ReduceMax <keepdims = 0> (f) d = Sub(f, l) r = Sub(h, l) s = Add(r, one) y = Div(d, s) }""",
         lambda n, rng: {"x": rng.integers(20, 230, (n, 4)).astype(np.uint8)}, one=np.float32(1))
    trap("mean_and_gate", """(float[N,6] x) => (float[N,2] y) { m = ReduceMean <axes = [0], keepdims = 1> (x) g = MatMul(m, w) s = Sigmoid(g) h = MatMul(x, v) y = Mul(h, s) }""", vector("x", 6), w=table(10, 6, 2), v=table(11, 6, 2))
