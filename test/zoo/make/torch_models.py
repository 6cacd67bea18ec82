"""PyTorch models by both exporters: `legacy` (dynamo=False) and `dynamo`, with their default opsets and optimisations."""
import io

import numpy as np
import torch
from torch import nn

import zoo
from torch_nets import *  # noqa: F403: the networks, each used once below

BATCH = torch.export.Dim("batch")
# Rows are independent for the values that callers send, and not for all values that the types allow.
STRAYS = {"pick_last_legacy": "x[arange(N), lengths - 1] becomes a Gather from x flattened to N*T: a length of 0 reads the row before"}


def legacy(name, net, args, inputs, outputs, rows, axes=None, kind="independent", **options):
    """axes: free axes by tensor; None frees axis 0 of every input and output, {} frees nothing."""
    if axes is None:
        axes = {n: {0: "batch"} for n in inputs + outputs}
    buffer = io.BytesIO()
    torch.onnx.export(net.eval(), args, buffer, input_names=inputs, output_names=outputs, dynamic_axes=axes, dynamo=False, **options)
    publish(name, buffer.getvalue(), rows, kind, "dynamo=False", axes, options)


def dynamo(name, net, args, inputs, outputs, rows, shapes=None, kind="independent", **options):
    """shapes: free axes of each argument in order; None frees axis 0 of all."""
    if shapes is None:
        shapes = tuple({0: BATCH} for _ in args)
    program = torch.onnx.export(net.eval(), args, input_names=inputs, output_names=outputs, dynamic_shapes=shapes, dynamo=True, verbose=False, **options)
    publish(name, without_traces(program.model_proto).SerializeToString(), rows, kind, "dynamo=True", str(shapes), options)


def without_traces(model):
    """Takes out the stack traces, which hold this machine's paths; the rest of the exporter's notes stays."""
    graph = model.graph
    for part in [*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, *(n for f in model.functions for n in f.node)]:
        kept = [p for p in part.metadata_props if "stack_trace" not in p.key]
        del part.metadata_props[:]
        part.metadata_props.extend(kept)
    return model


def publish(name, data, rows, kind, exporter, free, options):
    notes = {"strays": STRAYS[name]} if name in STRAYS else {}
    origin = {"converter": f"torch {torch.__version__.split('+')[0]} onnx.export", "options": {"exporter": exporter, "free": str(free), **{k: str(v) for k, v in options.items()}}}
    zoo.add("converters", "torch_" + name, data, rows, kind, origin, **notes)


def normal(name, *shape):
    return lambda n, rng: {name: zoo.floats(n, rng, *shape)}


def steps(rng, low=4, high=12):
    return int(rng.integers(low, high))


def sequences(n, rng):
    return {"x": zoo.floats(n, rng, steps(rng), 6)}


def masked(n, rng):
    length = steps(rng)
    mask = (np.arange(length) < rng.integers(1, length + 1, size=(n, 1))).astype(np.int64)
    return {"tokens": rng.integers(1, 500, size=(n, length)) * mask, "mask": mask}


def ids_and_dense(n, rng):
    return {"user": rng.integers(0, 300, n), "item": rng.integers(0, 800, n), "dense": zoo.floats(n, rng, 5)}


def sparse(n, rng):
    return {"dense": zoo.floats(n, rng, 4), "sparse": rng.integers(0, 200, size=(n, 6))}


def towers(n, rng):
    return {"user": zoo.floats(n, rng, 6), "item": zoo.floats(n, rng, 9)}


def lengths(n, rng):
    return {"x": zoo.floats(n, rng, 10, 6), "lengths": rng.integers(1, 11, n)}


def make():
    torch.manual_seed(5)
    dense_nets()
    recurrent_nets()
    attention_nets()
    recommenders()
    fixed_nets()


def dense_nets():
    for export in (legacy, dynamo):
        export(f"mlp_{export.__name__}", mlp(), (torch.randn(2, 12),), ["x"], ["y"], normal("x", 12))
        export(f"cnn_{export.__name__}", cnn(), (torch.randn(2, 1, 8, 8),), ["image"], ["logits"], normal("image", 1, 8, 8))
        export(f"view_{export.__name__}", View(), (torch.randn(2, 3, 4),), ["x"], ["y"], normal("x", 3, 4))
        export(f"expand_pad_{export.__name__}", ExpandPad(), (torch.randn(2, 7),), ["x"], ["y"], normal("x", 7))
        export(f"several_outputs_{export.__name__}", SeveralOutputs(), (torch.randn(2, 8),), ["x"], ["label", "score", "top", "scaled"], normal("x", 8))
    legacy("conv1d", conv1d(), (torch.randn(2, 4, 16),), ["x"], ["y"], normal("x", 4, 16))
    legacy("group_norm", nn.Sequential(nn.Conv2d(2, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (torch.randn(2, 2, 6, 6),), ["x"], ["y"], normal("x", 2, 6, 6))
    dynamo("residual", Residual(), (torch.randn(2, 3, 8, 8),), ["x"], ["y"], normal("x", 3, 8, 8))
    dynamo("cosine", Cosine(), (torch.randn(2, 6), torch.randn(2, 6)), ["a", "b"], ["y"], lambda n, rng: {"a": zoo.floats(n, rng, 6), "b": zoo.floats(n, rng, 6)})
    loss = {"x": {0: "batch"}, "y": {0: "batch"}}
    legacy("scalar_output", WithLoss(), (torch.randn(2, 8),), ["x"], ["y", "loss"], normal("x", 8), axes=loss, kind="mixes")
    dynamo("scalar_output_half", WithLoss().half(), (torch.randn(2, 8).half(),), ["x"], ["y", "loss"], lambda n, rng: {"x": zoo.floats(n, rng, 8).astype(np.float16)}, kind="mixes")
    half = mlp().half()
    dynamo("half", half, (torch.randn(2, 12).half(),), ["x"], ["y"], lambda n, rng: {"x": zoo.floats(n, rng, 12).astype(np.float16)})


def recurrent_nets():
    x = torch.randn(2, 10, 6)
    time = {"x": {0: "batch", 1: "time"}, "y": {0: "batch", 1: "time"}}
    legacy("lstm_batch_first", Recurrent(nn.LSTM(6, 8, batch_first=True)), (x,), ["x"], ["y"], sequences, axes=time)
    legacy("lstm_last_step", LastStep(nn.LSTM(6, 8, batch_first=True)), (x,), ["x"], ["y"], normal("x", 10, 6))
    legacy("lstm_bidirectional", LastStep(nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)), (x,), ["x"], ["y"], normal("x", 10, 6))
    legacy("gru", LastStep(nn.GRU(6, 8, batch_first=True)), (x,), ["x"], ["y"], normal("x", 10, 6))
    legacy("rnn", LastStep(nn.RNN(6, 8, batch_first=True)), (x,), ["x"], ["y"], normal("x", 10, 6))
    dynamo("lstm_batch_first_dynamo", Recurrent(nn.LSTM(6, 8, batch_first=True)), (x,), ["x"], ["y"], sequences, shapes=({0: BATCH, 1: torch.export.Dim("time")},))
    states = {"x": {0: "batch"}, "y": {0: "batch"}, "h": {1: "batch"}, "c": {1: "batch"}}
    legacy("lstm_states", States(nn.LSTM(6, 8, batch_first=True)), (x,), ["x"], ["y", "h", "c"], normal("x", 10, 6), axes=states, kind="mixes")
    # Axis 0 is time: rows joined there are one longer sequence.
    swapped = {"x": {0: "time", 1: "batch"}, "y": {0: "time", 1: "batch"}}
    legacy("lstm_time_major", Recurrent(nn.LSTM(6, 8)), (torch.randn(10, 2, 6),), ["x"], ["y"], lambda n, rng: {"x": zoo.floats(n, rng, 2, 6)}, axes=swapped, kind="mixes")
    legacy("gru_time_major", Recurrent(nn.GRU(6, 8)), (torch.randn(10, 1, 6),), ["x"], ["y"], normal("x", 1, 6), axes={"x": {0: "time"}, "y": {0: "time"}}, kind="mixes")
    for export in (legacy, dynamo):
        export(f"pick_last_{export.__name__}", PickLast(), (x, torch.tensor([3, 10])), ["x", "lengths"], ["y"], lengths)


def attention_nets():
    tokens, mask = torch.randint(1, 500, (2, 9)), torch.ones(2, 9, dtype=torch.int64)
    time = torch.export.Dim("time")
    free = {n: {0: "batch", 1: "time"} for n in ("tokens", "mask")}
    both = ({0: BATCH, 1: time}, {0: BATCH, 1: time})
    for export, how in ((legacy, {"axes": {**free, "y": {0: "batch"}}}), (dynamo, {"shapes": both})):
        export(f"mean_pool_{export.__name__}", MeanPool(), (tokens, mask), ["tokens", "mask"], ["y"], masked, **how)
        export(f"encoder_{export.__name__}", Encoder(), (tokens, mask), ["tokens", "mask"], ["y"], masked, **how)
    legacy("self_attention", SelfAttention(), (torch.randn(2, 7, 8),), ["x"], ["y"], normal("x", 7, 8))
    dynamo("self_attention_dynamo", SelfAttention(), (torch.randn(2, 7, 8),), ["x"], ["y"], normal("x", 7, 8))
    dynamo("causal_attention", Causal(), (torch.randn(2, 7, 8),), ["x"], ["y"], lambda n, rng: {"x": zoo.floats(n, rng, steps(rng), 8)}, shapes=({0: BATCH, 1: time},))
    legacy("cross_attention", CrossAttention(), (torch.randn(2, 3, 8), torch.randn(2, 6, 8)), ["query", "memory"], ["y"],
           lambda n, rng: {"query": zoo.floats(n, rng, 3, 8), "memory": zoo.floats(n, rng, 6, 8)})
    # Attention over the list: the axis of the rows is the one attended to.
    legacy("listwise_attention", ListWise(), (torch.randn(5, 8),), ["x"], ["y"], normal("x", 8), kind="mixes")
    dynamo("listwise_attention_dynamo", ListWise(), (torch.randn(5, 8),), ["x"], ["y"], normal("x", 8), kind="mixes")


def recommenders():
    rows = (torch.tensor([1, 2]), torch.tensor([3, 4]), torch.randn(2, 5))
    for export in (legacy, dynamo):
        export(f"two_tower_{export.__name__}", TwoTower(), (torch.randn(2, 6), torch.randn(2, 9)), ["user", "item"], ["y"], towers)
        export(f"wide_deep_{export.__name__}", WideDeep(), rows, ["user", "item", "dense"], ["y"], ids_and_dense)
        export(f"dlrm_{export.__name__}", Dlrm(), (torch.randn(2, 4), torch.randint(0, 200, (2, 6))), ["dense", "sparse"], ["y"], sparse)
    legacy("factorization_machine", FactorizationMachine(), (torch.randint(0, 200, (2, 6)),), ["sparse"], ["y"], lambda n, rng: {"sparse": rng.integers(0, 200, size=(n, 6))})
    dynamo("deep_cross", DeepCross(), (torch.randn(2, 8),), ["x"], ["y"], normal("x", 8))
    bag = lambda n, rng: {"ids": rng.integers(0, 400, size=(n, 7))}
    legacy("embedding_bag", nn.EmbeddingBag(400, 8, mode="mean"), (torch.randint(0, 400, (2, 7)),), ["ids"], ["y"], bag)


def fixed_nets():
    one = torch.randn(1, 3, 4)
    legacy("fixed_batch_one", View(), (one,), ["x"], ["y"], normal("x", 3, 4), axes={}, kind="one_row")
    dynamo("fixed_batch_one_dynamo", mlp(), (torch.randn(1, 12),), ["x"], ["y"], normal("x", 12), shapes=({},), kind="one_row")
    # The free axis is declared, but x.view(1, -1) has put the traced batch of one into the graph.
    legacy("traced_batch_one", TracedView(), (one,), ["x"], ["y"], normal("x", 3, 4), kind="one_row")
