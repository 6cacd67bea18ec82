package pbtxt

// root is the message that a file holds.
const root = "ModelConfig"

// messages describes each message by its fields, as name:type. A type is a scalar, an enumeration
// or a message; []T repeats, map[K]T is a map, and T@group is one of a group of which one is set.
var messages = map[string]string{
	root: `name:string platform:string backend:string runtime:string version_policy:VersionPolicy
		max_batch_size:int32 input:[]Input output:[]Output batch_input:[]BatchInput batch_output:[]BatchOutput
		optimization:Optimization dynamic_batching:DynamicBatching@scheduling_choice
		sequence_batching:SequenceBatching@scheduling_choice ensemble_scheduling:Ensembling@scheduling_choice
		instance_group:[]InstanceGroup default_model_filename:string cc_model_filenames:map[string]string
		metric_tags:map[string]string parameters:map[string]Parameter model_warmup:[]Warmup
		model_operations:Operations model_transaction_policy:TransactionPolicy
		model_repository_agents:RepositoryAgents response_cache:ResponseCache model_metrics:Metrics`,

	"VersionPolicy": `latest:Latest@policy_choice all:All@policy_choice specific:Specific@policy_choice`,
	"Latest":        `num_versions:uint32`,
	"All":           ``,
	"Specific":      `versions:[]int64`,

	"Reshape": `shape:[]int64`,
	"Input": `name:string data_type:DataType format:Format dims:[]int64 reshape:Reshape is_shape_tensor:bool
		allow_ragged_batch:bool optional:bool is_non_linear_format_io:bool`,
	"Output": `name:string data_type:DataType dims:[]int64 reshape:Reshape label_filename:string
		is_shape_tensor:bool is_non_linear_format_io:bool`,
	"BatchInput":  `kind:BatchInputKind target_name:[]string data_type:DataType source_input:[]string`,
	"BatchOutput": `target_name:[]string kind:BatchOutputKind source_input:[]string`,

	"RateLimiter":     `resources:[]Resource priority:uint32`,
	"Resource":        `name:string global:bool count:uint32`,
	"SecondaryDevice": `kind:SecondaryDeviceKind device_id:int64`,
	"InstanceGroup": `name:string kind:InstanceKind count:int32 rate_limiter:RateLimiter gpus:[]int32
		secondary_devices:[]SecondaryDevice profile:[]string passive:bool host_policy:string`,

	"Optimization": `graph:GraphLevel priority:ModelPriority cuda:Cuda execution_accelerators:Accelerators
		input_pinned_memory:PinnedMemory output_pinned_memory:PinnedMemory
		gather_kernel_buffer_threshold:uint32 eager_batching:bool`,
	"GraphLevel":   `level:int32`,
	"PinnedMemory": `enable:bool`,
	"Cuda":         `graphs:bool busy_wait_events:bool graph_spec:[]GraphSpec output_copy_stream:bool`,
	"GraphSpec":    `batch_size:int32 input:map[string]GraphShape graph_lower_bound:LowerBound`,
	"GraphShape":   `dim:[]int64`,
	"LowerBound":   `batch_size:int32 input:map[string]GraphShape`,
	"Accelerators": `gpu_execution_accelerator:[]Accelerator cpu_execution_accelerator:[]Accelerator`,
	"Accelerator":  `name:string parameters:map[string]string`,

	"QueuePolicy": `timeout_action:TimeoutAction default_timeout_microseconds:uint64
		allow_timeout_override:bool max_queue_size:uint32`,
	"DynamicBatching": `preferred_batch_size:[]int32 max_queue_delay_microseconds:uint64 preserve_ordering:bool
		priority_levels:uint64 default_priority_level:uint64 default_queue_policy:QueuePolicy
		priority_queue_policy:map[uint64]QueuePolicy`,

	"SequenceBatching": `direct:StrategyDirect@strategy_choice oldest:StrategyOldest@strategy_choice
		max_sequence_idle_microseconds:uint64 control_input:[]ControlInput state:[]State iterative_sequence:bool`,
	"StrategyDirect": `max_queue_delay_microseconds:uint64 minimum_slot_utilization:float`,
	"StrategyOldest": `max_candidate_sequences:int32 preferred_batch_size:[]int32
		max_queue_delay_microseconds:uint64 preserve_ordering:bool`,
	"ControlInput": `name:string control:[]Control`,
	"Control": `kind:ControlKind int32_false_true:[]int32 fp32_false_true:[]float bool_false_true:[]bool
		data_type:DataType`,
	"State": `input_name:string output_name:string data_type:DataType dims:[]int64 initial_state:[]InitialState
		use_same_buffer_for_input_output:bool use_growable_memory:bool`,
	"InitialState": `data_type:DataType dims:[]int64 zero_data:bool@state_data data_file:string@state_data name:string`,

	"Ensembling": `step:[]Step max_inflight_responses:uint32`,
	"Step": `model_name:string model_version:int64 input_map:map[string]string output_map:map[string]string
		model_namespace:string`,

	"Parameter": `string_value:string`,
	"Warmup":    `name:string batch_size:uint32 inputs:map[string]WarmupInput count:uint32`,
	"WarmupInput": `data_type:DataType dims:[]int64 zero_data:bool@input_data_type
		random_data:bool@input_data_type input_data_file:string@input_data_type`,
	"Operations":        `op_library_filename:[]string`,
	"TransactionPolicy": `decoupled:bool`,
	"RepositoryAgents":  `agents:[]Agent`,
	"Agent":             `name:string parameters:map[string]string`,
	"ResponseCache":     `enable:bool`,
	"Metrics":           `metric_control:[]MetricControl`,
	"MetricControl":     `metric_identifier:MetricIdentifier histogram_options:HistogramOptions@metric_options`,
	"MetricIdentifier":  `family:string`,
	"HistogramOptions":  `buckets:[]double`,
}

// enums lists the values of each enumeration, the first of which stands for 0.
var enums = map[string]string{
	"DataType": `TYPE_INVALID TYPE_BOOL TYPE_UINT8 TYPE_UINT16 TYPE_UINT32 TYPE_UINT64 TYPE_INT8 TYPE_INT16
		TYPE_INT32 TYPE_INT64 TYPE_FP16 TYPE_FP32 TYPE_FP64 TYPE_STRING TYPE_BF16`,
	"Format": `FORMAT_NONE FORMAT_NHWC FORMAT_NCHW`,
	"BatchInputKind": `BATCH_ELEMENT_COUNT BATCH_ACCUMULATED_ELEMENT_COUNT BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO
		BATCH_MAX_ELEMENT_COUNT_AS_SHAPE BATCH_ITEM_SHAPE BATCH_ITEM_SHAPE_FLATTEN`,
	"BatchOutputKind":     `BATCH_SCATTER_WITH_INPUT_SHAPE`,
	"InstanceKind":        `KIND_AUTO KIND_GPU KIND_CPU KIND_MODEL`,
	"SecondaryDeviceKind": `KIND_NVDLA`,
	"ModelPriority":       `PRIORITY_DEFAULT PRIORITY_MAX PRIORITY_MIN`,
	"TimeoutAction":       `REJECT DELAY`,
	"ControlKind":         `CONTROL_SEQUENCE_START CONTROL_SEQUENCE_READY CONTROL_SEQUENCE_END CONTROL_SEQUENCE_CORRID`,
}
