// Package fault is the closed set of ways in which a request can fail. A kind is
// decided where the fact is known; `gateway` alone maps kinds to HTTP statuses.
//
// The text of a fault reaches the client: it names the input and the limit in the
// client's own words, and never a path, a pointer or a library's message.
package fault

// Kind is one way to fail. Its code is part of the public interface.
type Kind uint8

// The kinds. New ones go at the end of their group; codes never change.
const (
	None Kind = iota
	BodyTooLarge
	TooManyChunks
	AmbiguousFraming
	BadContentLength
	TransferEncodingUnsupported
	BadChunk
	BadHost
	HeadersTooLarge
	URITooLong
	BadHeader
	HTTPVersionUnsupported
	BadRequestLine
	MethodNotImplemented
	MethodNotAllowed
	RequestTimeout
	BodyTimeout
	ClientClosed
	EmptyBody
	ExpectationFailed
	UnsupportedEncoding
	BadCompression
	DecompressedTooLarge
	NotFound
	ModelNotFound
	BadModelName
	VersionNotFound
	ModelNotReady
	ModelLoadFailed
	Unauthenticated
	Forbidden
	Conflict
	Unsupported
	InvalidJSON
	JSONTooDeep
	DuplicateField
	InvalidUTF8
	InvalidRequest
	InvalidValue
	InvalidInputs
	MissingInput
	UnknownInput
	DuplicateInput
	UnknownOutput
	DuplicateOutput
	TooManyOutputs
	WrongDatatype
	WrongShape
	InvalidShape
	ShapeTooLarge
	DataLengthMismatch
	BatchTooLarge
	BatchMismatch
	ValueOutOfRange
	InvalidBytes
	BadBinaryHeader
	BinarySizeMismatch
	NonFiniteInput
	NonFiniteOutput
	AnswerTooLarge
	ModelRejectedInput
	FeatureMissing
	FeatureUnavailable
	InvalidParameter
	InvalidTimeout
	DeadlineExceeded
	Overloaded
	BudgetTooShort
	NoCapacity
	Draining
	InferenceFailed
	Internal

	count // keep last
)

var codes = [count]string{
	None:                        "",
	BodyTooLarge:                "BODY_TOO_LARGE",
	TooManyChunks:               "TOO_MANY_CHUNKS",
	AmbiguousFraming:            "AMBIGUOUS_FRAMING",
	BadContentLength:            "BAD_CONTENT_LENGTH",
	TransferEncodingUnsupported: "TRANSFER_ENCODING_UNSUPPORTED",
	BadChunk:                    "BAD_CHUNK",
	BadHost:                     "BAD_HOST",
	HeadersTooLarge:             "HEADERS_TOO_LARGE",
	URITooLong:                  "URI_TOO_LONG",
	BadHeader:                   "BAD_HEADER",
	HTTPVersionUnsupported:      "HTTP_VERSION_UNSUPPORTED",
	BadRequestLine:              "BAD_REQUEST_LINE",
	MethodNotImplemented:        "METHOD_NOT_IMPLEMENTED",
	MethodNotAllowed:            "METHOD_NOT_ALLOWED",
	RequestTimeout:              "REQUEST_TIMEOUT",
	BodyTimeout:                 "BODY_TIMEOUT",
	ClientClosed:                "CLIENT_CLOSED",
	EmptyBody:                   "EMPTY_BODY",
	ExpectationFailed:           "EXPECTATION_FAILED",
	UnsupportedEncoding:         "UNSUPPORTED_ENCODING",
	BadCompression:              "BAD_COMPRESSION",
	DecompressedTooLarge:        "DECOMPRESSED_TOO_LARGE",
	NotFound:                    "NOT_FOUND",
	ModelNotFound:               "MODEL_NOT_FOUND",
	BadModelName:                "BAD_MODEL_NAME",
	VersionNotFound:             "VERSION_NOT_FOUND",
	ModelNotReady:               "MODEL_NOT_READY",
	ModelLoadFailed:             "MODEL_LOAD_FAILED",
	Unauthenticated:             "UNAUTHENTICATED",
	Forbidden:                   "FORBIDDEN",
	Conflict:                    "CONFLICT",
	Unsupported:                 "UNSUPPORTED",
	InvalidJSON:                 "INVALID_JSON",
	JSONTooDeep:                 "JSON_TOO_DEEP",
	DuplicateField:              "DUPLICATE_FIELD",
	InvalidUTF8:                 "INVALID_UTF8",
	InvalidRequest:              "INVALID_REQUEST",
	InvalidValue:                "INVALID_VALUE",
	InvalidInputs:               "INVALID_INPUTS",
	MissingInput:                "MISSING_INPUT",
	UnknownInput:                "UNKNOWN_INPUT",
	DuplicateInput:              "DUPLICATE_INPUT",
	UnknownOutput:               "UNKNOWN_OUTPUT",
	DuplicateOutput:             "DUPLICATE_OUTPUT",
	TooManyOutputs:              "TOO_MANY_OUTPUTS",
	WrongDatatype:               "WRONG_DATATYPE",
	WrongShape:                  "WRONG_SHAPE",
	InvalidShape:                "INVALID_SHAPE",
	ShapeTooLarge:               "SHAPE_TOO_LARGE",
	DataLengthMismatch:          "DATA_LENGTH_MISMATCH",
	BatchTooLarge:               "BATCH_TOO_LARGE",
	BatchMismatch:               "BATCH_MISMATCH",
	ValueOutOfRange:             "VALUE_OUT_OF_RANGE",
	InvalidBytes:                "INVALID_BYTES",
	BadBinaryHeader:             "BAD_BINARY_HEADER",
	BinarySizeMismatch:          "BINARY_SIZE_MISMATCH",
	NonFiniteInput:              "NON_FINITE_INPUT",
	NonFiniteOutput:             "NON_FINITE_OUTPUT",
	AnswerTooLarge:              "ANSWER_TOO_LARGE",
	ModelRejectedInput:          "MODEL_REJECTED_INPUT",
	FeatureMissing:              "FEATURE_MISSING",
	FeatureUnavailable:          "FEATURE_UNAVAILABLE",
	InvalidParameter:            "INVALID_PARAMETER",
	InvalidTimeout:              "INVALID_TIMEOUT",
	DeadlineExceeded:            "DEADLINE_EXCEEDED",
	Overloaded:                  "OVERLOADED",
	BudgetTooShort:              "BUDGET_TOO_SHORT",
	NoCapacity:                  "NO_CAPACITY",
	Draining:                    "DRAINING",
	InferenceFailed:             "INFERENCE_FAILED",
	Internal:                    "INTERNAL",
}

// Code is the kind's stable machine-readable name, such as MISSING_INPUT.
func (k Kind) Code() string { return codes[k] }

// Kinds lists every kind, for tables that must cover them all.
func Kinds() []Kind {
	all := make([]Kind, 0, count-1)
	for k := None + 1; k < count; k++ {
		all = append(all, k)
	}
	return all
}
