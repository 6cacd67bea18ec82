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
	each := operator{rule: eachOf, needs: 1, since: 6, counts: true, each: true}
	add(each, `Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish
		IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt
		Swish Tan Tanh ThresholdedRelu RegexFullMatch`)
	add(operator{rule: unchanged, needs: 1, since: 1, counts: true, places: true}, "Identity")
	add(operator{rule: castTo, needs: 1, since: 6, counts: true, places: true}, "Cast CastLike")
	add(operator{rule: withEach, since: 7, counts: true, each: true}, `Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual
		Less LessOrEqual Mod Mul Or PRelu Pow Sub Where Xor StringConcat`)
	add(operator{rule: withEach, since: 8, counts: true, each: true}, "Max Mean Min Sum")
	add(operator{rule: clipped, needs: 1, since: 6, counts: true}, "Clip")

	add(operator{rule: constantOf, since: 1}, "Constant")
	add(operator{rule: shapeOf, needs: 1, since: 1, counts: true, places: true, any: true}, "Shape")
	add(operator{rule: sizeOf, needs: 1, since: 1, counts: true, places: true, any: true}, "Size")
	add(operator{rule: rangeOf, needs: 3, since: 11, counts: true}, "Range")
	add(operator{rule: filled, since: 9, counts: true}, "ConstantOfShape")
	add(operator{rule: reshape, needs: 1, since: 1, counts: true, places: true}, "Reshape")
	add(operator{rule: flatten, needs: 1, since: 1, places: true}, "Flatten")
	add(operator{rule: squeeze, needs: 1, since: 1, counts: true, places: true}, "Squeeze")
	add(operator{rule: unsqueeze, needs: 1, since: 1, counts: true, places: true}, "Unsqueeze")
	add(operator{rule: transpose, needs: 1, since: 1, counts: true, places: true}, "Transpose")
	add(operator{rule: expand, needs: 2, since: 8, counts: true, places: true}, "Expand")
	add(operator{rule: tile, needs: 2, since: 6, counts: true, places: true}, "Tile")
	add(operator{rule: concat, needs: 1, since: 4, counts: true, places: true}, "Concat")
	add(operator{rule: slice, needs: 1, since: 1, counts: true, places: true, any: true}, "Slice")
	add(operator{rule: split, needs: 1, since: 2, counts: true, places: true}, "Split")
	add(operator{rule: pad, needs: 1, since: 2, counts: true}, "Pad")

	add(operator{rule: gather, needs: 2, since: 1, counts: true, places: true, any: true}, "Gather")
	add(operator{rule: gatherElements, needs: 2, since: 11, counts: true, places: true, any: true}, "GatherElements")
	add(operator{rule: gatherND, needs: 2, since: 11, counts: true, places: true, any: true}, "GatherND")
	add(operator{rule: scatterElements, needs: 3, since: 9, places: true, any: true}, "Scatter ScatterElements")
	add(operator{rule: scatterND, needs: 3, since: 11, counts: true, places: true, any: true}, "ScatterND")
	add(operator{rule: oneHot, since: 9}, "OneHot")
	add(operator{rule: nonZero, since: 9}, "NonZero NonMaxSuppression")
	add(operator{rule: unique, since: 11}, "Unique")
	add(operator{rule: compress, needs: 2, since: 9}, "Compress")

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
	reduces := operator{rule: reduce, needs: 1, since: 1, counts: true}
	add(reduces, `ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare`)
	add(operator{rule: argExtreme, needs: 1, since: 1}, "ArgMax ArgMin")
	add(operator{rule: softmax, needs: 1, since: 1}, "Softmax LogSoftmax Hardmax")
	add(operator{rule: cumulative, needs: 2, since: 11}, "CumSum CumProd")
	add(operator{rule: topK, needs: 1, since: 1, counts: true}, "TopK")
	add(operator{rule: layerNorm, needs: 1, since: 1}, "LayerNormalization RMSNormalization SimplifiedLayerNormalization")
	add(operator{rule: lpNorm, needs: 1, since: 1}, "LpNormalization")
	add(operator{rule: meanVariance, needs: 1, since: 9}, "MeanVarianceNormalization")
	add(operator{rule: trilu, needs: 1, since: 14}, "Trilu")
	add(operator{rule: reverseSequence, needs: 2, since: 10}, "ReverseSequence")

	add(operator{rule: matMul, needs: 2, since: 1}, "MatMul")
	add(operator{rule: gemm, needs: 2, since: 7}, "Gemm")
	add(operator{rule: einsum, since: 12}, "Einsum")
	add(operator{rule: conv, since: 1}, "Conv")
	add(operator{rule: leading(1, "convolves over the rows", convShape(1, 1)), since: 1}, "ConvTranspose")
	add(operator{rule: pool, since: 1}, "MaxPool AveragePool LpPool")
	add(operator{rule: leading(1, "pools over the rows", pooledShape), since: 1}, "GlobalAveragePool GlobalMaxPool GlobalLpPool")
	add(operator{rule: leading(1, "normalises over the rows", sameShape), since: 1}, "LRN InstanceNormalization GroupNormalization")
	add(operator{rule: batchNorm, since: 9, nested: true}, "BatchNormalization")
	add(operator{rule: dropout, needs: 1, since: 7, counts: true, nested: true}, "Dropout")
	add(operator{rule: blocks, since: 1}, "DepthToSpace SpaceToDepth")
	add(operator{rule: resize, needs: 1, since: 10, counts: true}, "Resize")
	add(operator{rule: resize, needs: 1, since: 9, counts: true}, "Upsample")
	add(operator{rule: leading(2, "samples over the rows", freeShape), since: 16}, "GridSample")
	add(operator{rule: leading(1, "transforms over the rows", freeShape), since: 17}, "STFT")
	add(operator{rule: roiAlign, since: 10}, "RoiAlign MaxRoiPool")
	add(operator{rule: recurrent, needs: 1, since: 7}, "RNN GRU LSTM")
	add(operator{rule: standardAttention, needs: 1, since: 23}, "Attention")
	add(operator{rule: rotary, since: 23}, "RotaryEmbedding")
	add(operator{rule: random, since: 1, nested: true, any: true}, "RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli")
	add(operator{rule: pure, since: 1}, "EyeLike HannWindow HammingWindow BlackmanWindow MelWeightMatrix")

	add(operator{rule: requantized, needs: 1, since: 10}, "QuantizeLinear DequantizeLinear")
	add(operator{rule: dynamicScale, since: 11}, "DynamicQuantizeLinear")
	add(operator{rule: quantized(matMul, 2, []int{2}, 0, 1), since: 10}, "MatMulInteger")
	add(operator{rule: quantized(conv, 0, []int{2}, 0, 1), since: 10}, "ConvInteger")
	add(operator{rule: quantized(matMul, 2, []int{1, 2, 6, 7}, 0, 3), since: 10}, "QLinearMatMul")
	add(operator{rule: quantized(conv, 0, []int{1, 2, 6, 7}, 0, 3), since: 10}, "QLinearConv")
}

func addClassic(add func(operator, string)) {
	ml := func(o operator, names string) {
		add(o, "ai.onnx.ml."+strings.Join(strings.Fields(names), " ai.onnx.ml."))
	}
	trees := func(names ...string) func(*call) []*value { return matrix(widthFrom(names...)) }
	ml(operator{rule: trees("n_targets"), needs: 1}, "TreeEnsembleRegressor TreeEnsemble SVMRegressor")
	ml(operator{rule: trees("targets"), needs: 1}, "LinearRegressor")
	ml(operator{rule: matrix(nil, freeWidth), needs: 1}, "TreeEnsembleClassifier SVMClassifier LinearClassifier")
	ml(operator{rule: scaled("offset", "scale"), needs: 1}, "Scaler")
	ml(operator{rule: scaled("imputed_value_floats", "imputed_value_int64s"), needs: 1}, "Imputer")
	ml(operator{rule: sameMatrix, needs: 1}, "Normalizer")
	ml(operator{rule: eachOf, needs: 1}, "Binarizer")
	ml(operator{rule: encoded, needs: 1}, "LabelEncoder CategoryMapper")
	ml(operator{rule: oneHotEncoder, needs: 1}, "OneHotEncoder")
	ml(operator{rule: featureVectorizer}, "FeatureVectorizer")
	ml(operator{rule: featureExtractor, needs: 2}, "ArrayFeatureExtractor")
	ml(operator{rule: matrix(nil), needs: 1}, "ZipMap")
	add(operator{rule: normalizedText, needs: 1, since: 10}, "StringNormalizer")
	add(operator{rule: stringSplit, needs: 1, since: 20}, "StringSplit")
	add(operator{rule: vocabulary, needs: 1, since: 9, places: true}, "TfIdfVectorizer")
}

func addContrib(add func(operator, string)) {
	ms := func(o operator, names string) {
		add(o, "com.microsoft."+strings.Join(strings.Fields(names), " com.microsoft."))
	}
	ms(operator{rule: eachOf, needs: 1}, "Gelu QuickGelu")
	ms(operator{rule: biased(2)}, "BiasGelu FastGelu")
	ms(operator{rule: fusedMatMul, needs: 2}, "FusedMatMul")
	ms(operator{rule: gemm, needs: 2}, "FusedGemm")
	ms(operator{rule: conv}, "FusedConv")
	ms(operator{rule: skipNorm}, "SkipLayerNormalization SkipSimplifiedLayerNormalization")
	ms(operator{rule: perRow(dimOf(2, 1, 2), []int{2, 3, 4, 5, 6})}, "EmbedLayerNormalization")
	ms(operator{rule: perRow(thirdOf, []int{1, 2}, 4)}, "Attention")
	ms(operator{rule: perRow(dimOf(2, 2, 3), []int{3})}, "MultiHeadAttention")
	ms(operator{rule: perRow(freeWidth, []int{6, 7, 8})}, "GroupQueryAttention")
	ms(operator{rule: rotary}, "RotaryEmbedding")
	ms(operator{rule: blockProduct}, "MatMulNBits")
	ms(operator{rule: dynamicScale}, "DynamicQuantizeMatMul DynamicQuantizeLSTM")
	ms(operator{rule: quantized(matMul, 2, []int{2, 4}, 0, 1)}, "MatMulIntegerToFloat")
	ms(operator{rule: quantized(withEach, 0, []int{1, 2, 4, 5, 6, 7}, 0, 3)}, "QLinearAdd QLinearMul")
	ms(operator{rule: quantized(eachOf, 1, []int{1, 2, 3, 4}, 0)}, "QLinearLeakyRelu QLinearSigmoid")
	ms(operator{rule: quantized(gemm, 2, []int{1, 2, 7, 8}, 0, 3, 6)}, "QGemm")
	ms(operator{rule: quantizedSoftmax, needs: 1}, "QLinearSoftmax")
	ms(operator{rule: quantizedConcat}, "QLinearConcat")
	ms(operator{rule: quantizedPool}, "QLinearGlobalAveragePool")
	ms(operator{rule: tokenizer, needs: 1}, "Tokenizer")
}
