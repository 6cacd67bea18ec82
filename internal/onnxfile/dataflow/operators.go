package dataflow

import "strings"

// operators are those that the analysis knows, by their qualified names.
var operators = map[string]operator{}

// The rules of loops look operators up, so that the table cannot be a plain initialiser.
func init() {
	add := func(o operator, names string) {
		for _, name := range strings.Fields(names) {
			if _, twice := operators[name]; twice {
				panic("BUG: two rules for " + name)
			}
			operators[name] = o
		}
	}
	addStandard(add)
	addLayers(add)
	addClassic(add)
	addContrib(add)
}

func addStandard(add func(operator, string)) {
	each := operator{rule: eachOf, since: 6, counts: true, each: true}
	add(each, `Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish
		IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt
		Swish Tan Tanh ThresholdedRelu RegexFullMatch`)
	add(operator{rule: unchanged, since: 1, counts: true, places: true}, "Identity")
	add(operator{rule: castTo, since: 6, counts: true, places: true}, "Cast CastLike")
	add(operator{rule: withEach, since: 7, counts: true, each: true}, `Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual
		Less LessOrEqual Mod Mul Or PRelu Pow Sub Where Xor StringConcat`)
	add(operator{rule: withEach, since: 8, counts: true, each: true}, "Max Mean Min Sum")
	add(operator{rule: clipped, since: 6, counts: true}, "Clip")

	add(operator{rule: constantOf, since: 1}, "Constant")
	add(operator{rule: shapeOf, since: 1, counts: true, places: true, any: true}, "Shape")
	add(operator{rule: sizeOf, since: 1, counts: true, places: true, any: true}, "Size")
	add(operator{rule: rangeOf, since: 11, counts: true}, "Range")
	add(operator{rule: filled, since: 9, counts: true}, "ConstantOfShape")
	add(operator{rule: reshape, since: 1, counts: true, places: true}, "Reshape")
	add(operator{rule: flatten, since: 1, places: true}, "Flatten")
	add(operator{rule: squeeze, since: 1, counts: true, places: true}, "Squeeze")
	add(operator{rule: unsqueeze, since: 1, counts: true, places: true}, "Unsqueeze")
	add(operator{rule: transpose, since: 1, counts: true, places: true}, "Transpose")
	add(operator{rule: expand, since: 8, counts: true, places: true}, "Expand")
	add(operator{rule: tile, since: 6, counts: true, places: true}, "Tile")
	add(operator{rule: concat, since: 4, counts: true, places: true}, "Concat")
	add(operator{rule: slice, since: 1, counts: true, places: true, any: true}, "Slice")
	add(operator{rule: split, since: 2, counts: true, places: true}, "Split")
	add(operator{rule: pad, since: 2, counts: true}, "Pad")

	add(operator{rule: gather, since: 1, counts: true, places: true, any: true}, "Gather")
	add(operator{rule: gatherElements, since: 11, counts: true, places: true, any: true}, "GatherElements")
	add(operator{rule: gatherND, since: 11, counts: true, places: true, any: true}, "GatherND")
	add(operator{rule: scatterElements, since: 9, places: true, any: true}, "Scatter ScatterElements")
	add(operator{rule: scatterND, since: 11, counts: true, places: true, any: true}, "ScatterND")
	add(operator{rule: oneHot, since: 9}, "OneHot")
	add(operator{rule: nonZero, since: 9}, "NonZero NonMaxSuppression")
	add(operator{rule: unique, since: 11}, "Unique")
	add(operator{rule: compress, since: 9}, "Compress")

	add(operator{rule: branch, since: 1, nested: true, any: true}, "If")
	add(operator{rule: loop, since: 1, nested: true, any: true}, "Loop")
	add(operator{rule: scan, since: 9, nested: true, any: true}, "Scan")
	add(operator{rule: construct, since: 11}, "SequenceConstruct")
	add(operator{rule: insert, since: 11}, "SequenceInsert")
	add(operator{rule: splitSequence, since: 11}, "SplitToSequence")
	add(operator{rule: elementOf, since: 11}, "SequenceAt")
	add(operator{rule: joinSequence, since: 11}, "ConcatFromSequence")
	add(operator{rule: lengthOf, since: 11}, "SequenceLength")
}

func addLayers(add func(operator, string)) {
	reduces := operator{rule: reduce, since: 1, counts: true}
	add(reduces, `ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare`)
	add(operator{rule: argExtreme, since: 1}, "ArgMax ArgMin")
	add(operator{rule: softmax, since: 1}, "Softmax LogSoftmax Hardmax")
	add(operator{rule: cumulative, since: 11}, "CumSum CumProd")
	add(operator{rule: topK, since: 1, counts: true}, "TopK")
	add(operator{rule: layerNorm, since: 1}, "LayerNormalization RMSNormalization SimplifiedLayerNormalization")
	add(operator{rule: lpNorm, since: 1}, "LpNormalization")
	add(operator{rule: meanVariance, since: 9}, "MeanVarianceNormalization")
	add(operator{rule: trilu, since: 14}, "Trilu")
	add(operator{rule: reverseSequence, since: 10}, "ReverseSequence")

	add(operator{rule: matMul, since: 1}, "MatMul")
	add(operator{rule: gemm, since: 7}, "Gemm")
	add(operator{rule: einsum, since: 12}, "Einsum")
	add(operator{rule: conv, since: 1}, "Conv")
	add(operator{rule: leading(1, "convolves over the rows", convShape(1, 1)), since: 1}, "ConvTranspose")
	add(operator{rule: pool, since: 1}, "MaxPool AveragePool LpPool")
	add(operator{rule: leading(1, "pools over the rows", pooledShape), since: 1}, "GlobalAveragePool GlobalMaxPool GlobalLpPool")
	add(operator{rule: leading(1, "normalises over the rows", sameShape), since: 1}, "LRN InstanceNormalization GroupNormalization")
	add(operator{rule: batchNorm, since: 9, nested: true}, "BatchNormalization")
	add(operator{rule: dropout, since: 7, counts: true, nested: true}, "Dropout")
	add(operator{rule: blocks, since: 1}, "DepthToSpace SpaceToDepth")
	add(operator{rule: resize, since: 10, counts: true}, "Resize")
	add(operator{rule: resize, since: 9, counts: true}, "Upsample")
	add(operator{rule: leading(2, "samples over the rows", freeShape), since: 16}, "GridSample")
	add(operator{rule: leading(1, "transforms over the rows", freeShape), since: 17}, "STFT")
	add(operator{rule: roiAlign, since: 10}, "RoiAlign MaxRoiPool")
	add(operator{rule: recurrent, since: 7}, "RNN GRU LSTM")
	add(operator{rule: standardAttention, since: 23}, "Attention")
	add(operator{rule: rotary, since: 23}, "RotaryEmbedding")
	add(operator{rule: random, since: 1, nested: true, any: true}, "RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli")
	add(operator{rule: pure, since: 1}, "EyeLike HannWindow HammingWindow BlackmanWindow MelWeightMatrix")

	add(operator{rule: requantized, since: 10}, "QuantizeLinear DequantizeLinear")
	add(operator{rule: dynamicScale, since: 11}, "DynamicQuantizeLinear")
	add(operator{rule: quantized(matMul, []int{2}, 0, 1), since: 10}, "MatMulInteger")
	add(operator{rule: quantized(conv, []int{2}, 0, 1), since: 10}, "ConvInteger")
	add(operator{rule: quantized(matMul, []int{1, 2, 6, 7}, 0, 3), since: 10}, "QLinearMatMul")
	add(operator{rule: quantized(conv, []int{1, 2, 6, 7}, 0, 3), since: 10}, "QLinearConv")
}

func addClassic(add func(operator, string)) {
	ml := func(o operator, names string) {
		add(o, "ai.onnx.ml."+strings.Join(strings.Fields(names), " ai.onnx.ml."))
	}
	trees := func(names ...string) func(*call) []*value { return matrix(widthFrom(names...)) }
	ml(operator{rule: trees("n_targets")}, "TreeEnsembleRegressor TreeEnsemble SVMRegressor")
	ml(operator{rule: trees("targets")}, "LinearRegressor")
	ml(operator{rule: matrix(nil, freeWidth)}, "TreeEnsembleClassifier SVMClassifier LinearClassifier")
	ml(operator{rule: scaled("offset", "scale")}, "Scaler")
	ml(operator{rule: scaled("imputed_value_floats", "imputed_value_int64s")}, "Imputer")
	ml(operator{rule: sameMatrix}, "Normalizer")
	ml(operator{rule: eachOf}, "Binarizer")
	ml(operator{rule: encoded}, "LabelEncoder CategoryMapper")
	ml(operator{rule: oneHotEncoder}, "OneHotEncoder")
	ml(operator{rule: featureVectorizer}, "FeatureVectorizer")
	ml(operator{rule: featureExtractor}, "ArrayFeatureExtractor")
	ml(operator{rule: zipMap}, "ZipMap")
	add(operator{rule: normalizedText, since: 10}, "StringNormalizer")
	add(operator{rule: stringSplit, since: 20}, "StringSplit")
	add(operator{rule: vocabulary, since: 9, places: true}, "TfIdfVectorizer")
}

func addContrib(add func(operator, string)) {
	ms := func(o operator, names string) {
		add(o, "com.microsoft."+strings.Join(strings.Fields(names), " com.microsoft."))
	}
	ms(operator{rule: eachOf}, "Gelu QuickGelu")
	ms(operator{rule: biased(2)}, "BiasGelu FastGelu")
	ms(operator{rule: fusedMatMul}, "FusedMatMul")
	ms(operator{rule: gemm}, "FusedGemm")
	ms(operator{rule: conv}, "FusedConv")
	ms(operator{rule: skipNorm}, "SkipLayerNormalization SkipSimplifiedLayerNormalization")
	ms(operator{rule: perRow(dimOf(2, 1, 2), []int{2, 3, 4, 5, 6})}, "EmbedLayerNormalization")
	ms(operator{rule: perRow(thirdOf, []int{1, 2}, 4)}, "Attention")
	ms(operator{rule: perRow(dimOf(2, 2, 3), []int{3})}, "MultiHeadAttention")
	ms(operator{rule: perRow(freeWidth, []int{6, 7, 8})}, "GroupQueryAttention")
	ms(operator{rule: rotary}, "RotaryEmbedding")
	ms(operator{rule: blockProduct}, "MatMulNBits")
	ms(operator{rule: dynamicScale}, "DynamicQuantizeMatMul DynamicQuantizeLSTM")
	ms(operator{rule: quantized(matMul, []int{2, 4}, 0, 1)}, "MatMulIntegerToFloat")
	ms(operator{rule: quantized(withEach, []int{1, 2, 4, 5, 6, 7}, 0, 3)}, "QLinearAdd QLinearMul")
	ms(operator{rule: quantized(eachOf, []int{1, 2, 3, 4}, 0)}, "QLinearLeakyRelu QLinearSigmoid")
	ms(operator{rule: quantized(gemm, []int{1, 2, 7, 8}, 0, 3, 6)}, "QGemm")
	ms(operator{rule: quantizedSoftmax}, "QLinearSoftmax")
	ms(operator{rule: quantizedConcat}, "QLinearConcat")
	ms(operator{rule: quantizedPool}, "QLinearGlobalAveragePool")
	ms(operator{rule: tokenizer}, "Tokenizer")
}
