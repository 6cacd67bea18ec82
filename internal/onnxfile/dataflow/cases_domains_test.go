package dataflow_test

import "sluice/internal/onnxgen"

func classicCases() []verdictCase {
	ml := func(g *onnxgen.Graph) *onnxgen.Graph { return g.Domain("ai.onnx.ml", 3) }
	one := func(g *onnxgen.Graph, op string, attrs ...onnxgen.Attr) *onnxgen.Graph {
		return ml(g).Node("ai.onnx.ml."+op, "y", in("x"), attrs...).Output("y")
	}
	words := func(dims ...any) *onnxgen.Graph { return onnxgen.New(17).Input("x", onnxgen.String, dims...) }
	extract := func(g *onnxgen.Graph) *onnxgen.Graph {
		return ml(g).Wholes("k", []int{1, 2}, 0, 2).Node("ai.onnx.ml.ArrayFeatureExtractor", "y", in("x", "k")).Output("y")
	}
	return []verdictCase{
		{"trees", one(vectors(), "TreeEnsembleRegressor", whole("n_targets", 1)), "proven"},
		{"trees on numbers", one(numbers(), "TreeEnsembleRegressor"), `mixes at node "y" (ai.onnx.ml.TreeEnsembleRegressor): takes the rows for features`},
		{"trees on turned rows", ml(vectors()).Node("Transpose", "t", in("x")).Node("ai.onnx.ml.TreeEnsembleRegressor", "y", in("t")).Output("y"), `mixes at node "y"`},
		{"a classifier with a map", ml(vectors()).Nodes("ai.onnx.ml.LinearClassifier", in("l", "p"), in("x"), onnxgen.Numbers("coefficients", 1, 2)).
			Node("ai.onnx.ml.Normalizer", "q", in("p")).Node("ai.onnx.ml.ZipMap", "y", in("q"), onnxgen.Texts("classlabels_strings", "a", "b")).Output("l", "y"), "proven"},
		{"a scaler", one(vectors(), "Scaler"), "proven"},
		{"a scaler of numbers", one(numbers(), "Scaler", onnxgen.Numbers("offset", 1), onnxgen.Numbers("scale", 2)), "proven"},
		{"a scaler of a vector's columns", one(numbers(), "Scaler", onnxgen.Numbers("offset", 1, 2), onnxgen.Numbers("scale", 2, 2)), `mixes at node "y"`},
		{"missing numbers", one(numbers(), "Imputer", onnxgen.Numbers("imputed_value_floats", 1)), "proven"},
		{"a normaliser on numbers", one(numbers(), "Normalizer"), `mixes at node "y"`},
		{"categories of strings", one(words("N", 2), "OneHotEncoder", onnxgen.Texts("cats_strings", "a", "b")), "proven"},
		{"labels of strings", one(words("N"), "LabelEncoder", onnxgen.Texts("keys_strings", "a"), onnxgen.Wholes("values_int64s", 1)), "proven"},
		{"features side by side", ml(vectors()).Input("z", f32, "N", 2).Node("ai.onnx.ml.FeatureVectorizer", "y", in("x", "z")).Output("y"), "proven"},
		{"features of a row", extract(vectors()), "proven"},
		{"features of a vector of rows", extract(numbers()), `mixes at node "y"`},
		{"labels by their index", ml(ids()).Floats("c", []int{5}).Node("ai.onnx.ml.ArrayFeatureExtractor", "e", in("c", "x")).Wholes("s", []int{1}, -1).Node("Reshape", "y", in("e", "s")).Output("y"), "proven"},
	}
}

func textCases() []verdictCase {
	words := func(dims ...any) *onnxgen.Graph {
		return onnxgen.New(20).Domain("com.microsoft", 1).Input("x", onnxgen.String, dims...)
	}
	tokens := func() *onnxgen.Graph {
		return words("N").Node("com.microsoft.Tokenizer", "t", in("x"), onnxgen.Text("pad_value", "#"))
	}
	pool := func(words ...string) []onnxgen.Attr {
		return []onnxgen.Attr{onnxgen.Texts("pool_strings", words...), onnxgen.Wholes("ngram_counts", 0), onnxgen.Wholes("ngram_indexes", 0, 1)}
	}
	const longest = "pads to the longest row of the batch"
	return []verdictCase{
		{"lower case", words("N").Node("StringNormalizer", "y", in("x"), onnxgen.Text("case_change_action", "LOWER")).OutputOf(onnxgen.String, "y"), "proven"},
		{"stop words", words("N").Node("StringNormalizer", "y", in("x"), onnxgen.Texts("stopwords", "the")).OutputOf(onnxgen.String, "y"), `mixes at node "y" (StringNormalizer): drops rows by their values`},
		{"words that are counted", tokens().Node("TfIdfVectorizer", "y", in("t"), pool("a", "b")...).Output("y"), "proven"},
		{"padding that is counted", tokens().Node("TfIdfVectorizer", "y", in("t"), pool("a", "#")...).Output("y"), `mixes at node "y" (TfIdfVectorizer): ` + longest},
		{"words are an output", tokens().OutputOf(onnxgen.String, "t"), `mixes at node "t" (com.microsoft.Tokenizer): ` + longest},
		{"as many words as the longest has", tokens().Node("Shape", "s", in("t"), whole("start", 1)).Node("Cast", "y", in("s"), whole("to", f32)).Output("y"), "unknown"},
		{"words of a list", words("N").Node("TfIdfVectorizer", "y", in("x"), pool("a")...).Output("y"), `mixes at node "y" (TfIdfVectorizer): counts words over the rows`},
		{"how many parts", words("N").Nodes("StringSplit", in("s", "y"), in("x")).OutputOf(i64, "y"), "proven"},
		{"parts", words("N").Nodes("StringSplit", in("y", "n"), in("x")).OutputOf(onnxgen.String, "y"), `mixes at node "y" (StringSplit): ` + longest},
		{"strings joined", words("N").Node("StringConcat", "y", in("x", "x")).OutputOf(onnxgen.String, "y"), "proven"},
		{"a pattern", words("N").Node("RegexFullMatch", "y", in("x"), onnxgen.Text("pattern", "a+")).OutputOf(onnxgen.Bool, "y"), "proven"},
	}
}

func fusedCases() []verdictCase {
	ms := func(g *onnxgen.Graph) *onnxgen.Graph { return g.Domain("com.microsoft", 1) }
	return []verdictCase{
		{"gelu", ms(vectors()).Floats("b", []int{4}).Node("com.microsoft.BiasGelu", "y", in("x", "b")).Output("y"), "proven"},
		{"fused attention", ms(matrices()).Floats("w", []int{4, 12}).Floats("b", []int{12}).Input("m", onnxgen.Int32, "N", "T").Node("com.microsoft.Attention", "y", in("x", "w", "b", "m"), whole("num_heads", 2)).Output("y"), "proven"},
		{"fused attention over rows", ms(vectors()).Wholes("a", []int{1}, 0).Node("Unsqueeze", "u", in("x", "a")).Floats("w", []int{4, 12}).Floats("b", []int{12}).Node("com.microsoft.Attention", "y", in("u", "w", "b"), whole("num_heads", 2)).Output("y"), "unknown"},
		{"multi head attention", ms(matrices()).Node("com.microsoft.MultiHeadAttention", "y", in("x", "x", "x"), whole("num_heads", 2)).Output("y"), "proven"},
		{"a sum that is normalised", ms(matrices()).Floats("s", []int{4}).Floats("b", []int{4}).Node("com.microsoft.SkipLayerNormalization", "y", in("x", "x", "s", "b")).Output("y"), "proven"},
		{"embeddings", ms(onnxgen.New(17)).Input("x", onnxgen.Int32, "N", "T").Floats("w", []int{9, 4}).Floats("p", []int{9, 4}).Floats("s", []int{4}).Floats("b", []int{4}).Nodes("com.microsoft.EmbedLayerNormalization", in("y", "k"), in("x", "", "w", "p", "", "s", "b")).Output("y"), "proven"},
		{"a fused product", ms(matrices()).Node("com.microsoft.FusedMatMul", "y", in("x", "x"), whole("transB", 1)).Output("y"), "proven"},
		{"a fused product of rows", ms(vectors()).Node("com.microsoft.FusedMatMul", "y", in("x", "x"), whole("transB", 1)).Output("y"), `mixes at node "y" (com.microsoft.FusedMatMul)`},
		{"a product that takes a scale", ms(vectors()).Raw("w", onnxgen.Uint8, []int{4, 2}, make([]byte, 8)).Floats("s", nil).Node("com.microsoft.DynamicQuantizeMatMul", "y", in("x", "w", "s")).Output("y"), `mixes at node "y" (com.microsoft.DynamicQuantizeMatMul): takes a scale from the whole batch`},
	}
}

func quantizedCases() []verdictCase {
	scales := func(g *onnxgen.Graph) *onnxgen.Graph {
		return g.Floats("s", nil, 0.1).Raw("z", onnxgen.Uint8, nil, []byte{3}).Raw("w", onnxgen.Uint8, []int{4, 2}, make([]byte, 8))
	}
	return []verdictCase{
		{"quantised and back", scales(vectors()).Node("QuantizeLinear", "q", in("x", "s", "z")).Node("DequantizeLinear", "y", in("q", "s", "z")).Output("y"), "proven"},
		{"a scale for each column", vectors().Floats("s", []int{4}).Node("QuantizeLinear", "q", in("x", "s")).Node("DequantizeLinear", "y", in("q", "s")).Output("y"), "proven"},
		{"a scale for each row", vectors().Floats("s", []int{4}).Node("QuantizeLinear", "y", in("x", "s"), whole("axis", 0)).OutputOf(onnxgen.Uint8, "y"), `unknown at node "y" (QuantizeLinear): scales rows by their position`},
		{"a quantised product", scales(vectors()).Node("QuantizeLinear", "q", in("x", "s", "z")).Node("QLinearMatMul", "p", in("q", "s", "z", "w", "s", "z", "s", "z")).Node("DequantizeLinear", "y", in("p", "s", "z")).Output("y"), "proven"},
		{"a dynamic scale", scales(vectors()).Nodes("DynamicQuantizeLinear", in("q", "qs", "qz"), in("x")).Node("MatMulInteger", "m", in("q", "w", "qz", "z")).Node("Cast", "c", in("m"), whole("to", f32)).Node("Mul", "y", in("c", "qs")).Output("y"), `mixes at node "q" (DynamicQuantizeLinear): takes a scale from the whole batch`},
		{"a dynamic scale of a constant", vectors().Floats("w", []int{4}).Nodes("DynamicQuantizeLinear", in("q", "qs", "qz"), in("w")).Node("DequantizeLinear", "d", in("q", "qs", "qz")).Node("Add", "y", in("x", "d")).Output("y"), "proven"},
	}
}
