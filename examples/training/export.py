"""Turns a trained PyTorch module into ONNX, the same way for every example."""

import logging
import random

import numpy as np
import onnx
import torch

OPSET = 18

# One thread, so that two runs of a script add floats in the same order.
THREADS = 1


def seed(value):
    """Makes the run repeatable on one machine and one set of packages."""
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)


def to_onnx(model, example, outputs, free_axes):
    """Exports `model` called with `example` (arrays by input name).

    `free_axes` names the axes that a request may choose: {input: {axis: name}}.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        model.eval(),
        kwargs={name: torch.from_numpy(array) for name, array in example.items()},
        input_names=list(example),
        output_names=outputs,
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes={
            name: {axis: torch.export.Dim(axis_name) for axis, axis_name in axes.items()}
            for name, axes in free_axes.items()
        },
        verbose=False,
    )
    program.optimize()
    return strip(program.model_proto)


def strip(model):
    """Drops what only the exporter needs: source lines and inner shapes, which differ from place to place."""
    model.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
        tensor.doc_string = ""
    onnx.checker.check_model(model)
    return model
