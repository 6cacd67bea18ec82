package config

import "time"

// Limits are what one client may ask of the predict port, and what all of them may hold together.
type Limits struct {
	// Memory is the most memory that the server, its workers and its models take together. Default 0:
	// automatic, the smallest limit that the machine and the control groups set. Too low refuses
	// large requests and has garbage collected often; too high, above what there is, has the system end
	// the server. Go's memory limit follows from it, unless GOMEMLIMIT is set.
	Memory Bytes `yaml:"memory"`
	// MaxBodyBytes is the largest request body as it is received. Default 64MiB: or half of
	// max_bodies_bytes, if that is less. Too low refuses large tensors with 413; too high lets a few
	// requests take all of max_bodies_bytes.
	MaxBodyBytes Bytes `yaml:"max_body_bytes"`
	// MaxDecompressedBytes is the largest body after gzip or deflate. Default 64MiB: or half of
	// max_bodies_bytes, if that is less. Too low refuses what max_body_bytes lets in; too high lets a
	// small request grow a thousandfold.
	MaxDecompressedBytes Bytes `yaml:"max_decompressed_bytes"`
	// MaxBodiesBytes is the most that the bodies of all connections take together, as they come and as
	// they are decompressed. Default 1GiB: or an eighth of memory, if that is less. Too low refuses
	// large requests that come at once (503); too high leaves too little memory for the models.
	MaxBodiesBytes Bytes `yaml:"max_bodies_bytes"`
	// MaxInputsBytes is the most that the tensors of all requests take together until their answers are written,
	// over all models. Default 1GiB: or an eighth of memory, if that is less. Too low refuses large
	// requests that come at once (503); too high leaves too little memory for the models.
	MaxInputsBytes Bytes `yaml:"max_inputs_bytes"`
	// MaxAnswersBytes is the most that the outputs and answers of all requests take together until
	// they are written. Default 2GiB: or an eighth of memory, if that is less. Too low refuses large
	// answers while clients read others slowly (503); too high leaves too little memory for the models.
	MaxAnswersBytes Bytes `yaml:"max_answers_bytes"`
	// MaxAnswerBytes is the largest answer, before it is compressed. Default 1GiB: or half of
	// max_answers_bytes, if that is less. Too low refuses answers that a client could read (413); too
	// high lets one request whose answer is many times its own size take that much memory, which JSON
	// does sooner than binary data.
	MaxAnswerBytes Bytes `yaml:"max_answer_bytes"`
	// MaxHeaderBytes is the largest request line and header block. Default 8KiB. Too low
	// breaks clients behind proxies with long cookies or tokens (431); too high lets each
	// connection hold that much memory.
	MaxHeaderBytes Bytes `yaml:"max_header_bytes"`
	// MaxHeaders is the most header fields of a request. Default 100. Too low breaks clients behind
	// several proxies (431); too high lets a client make each request slow to read.
	MaxHeaders int `yaml:"max_headers"`
	// MaxURIBytes is the longest request target, path and query. Default 2KiB. Too low refuses
	// models with long names (414); too high is only more memory for each connection.
	MaxURIBytes Bytes `yaml:"max_uri_bytes"`
	// MaxConnections is the most open connections; more are answered 503. Default 4096: or what an
	// eighth of memory holds at 64KiB each, if that is less. Too low refuses clients that keep many
	// open; too high runs into the process's limit of open files.
	MaxConnections int `yaml:"max_connections"`
	// MaxJSONDepth is the deepest nesting of a JSON body. Default 100. Too low refuses tensors of
	// high rank, which need one level for each dimension and four more; too high lets a short body cost
	// memory and time.
	MaxJSONDepth int `yaml:"max_json_depth"`
	// MaxElements is the most elements of one tensor. Default 67108864. Too low refuses large
	// tensors; too high lets a short body announce a tensor that takes all memory.
	MaxElements int `yaml:"max_elements"`
	// MaxInputs is the most input tensors of a request. Default 64. Too low refuses requests that
	// name the same input often, and nothing else: a model that has more, up to 4,096, raises it for itself.
	// Too high lets a short body cost time.
	MaxInputs int `yaml:"max_inputs"`
	// MaxOutputs is the most outputs that a request may name. Default 64. Too low refuses requests
	// that name all outputs of a wide model; too high lets a short body cost time.
	MaxOutputs int `yaml:"max_outputs"`
	// HeaderTimeout is how long a request's header may take from its first byte. Default
	// 10s. Too high lets slow clients hold connections; too low cuts off bad networks (408).
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	// ReadTimeout is how long a body may take once its header has come. Default 30s. Too low
	// cuts off large bodies on slow lines (408); too high lets slow clients hold memory.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// WriteTimeout is how long a client may take to read its answer. Default 30s. Too low cuts off
	// large answers on slow lines; too high lets clients that do not read hold memory.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// IdleTimeout is how long a connection may wait for its next request. Default 75s. Too low,
	// below the value of a proxy before it, makes the proxy meet closed connections; too high keeps
	// connections of clients that are gone.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// MaxBudget is the longest budget that a request may ask for, with Sluice-Budget-Ms or with the
	// protocol's timeout parameter. Default 10m. Too low refuses clients of slow models (400); too high
	// lets forgotten requests hold their buffers.
	MaxBudget time.Duration `yaml:"max_budget"`
}
