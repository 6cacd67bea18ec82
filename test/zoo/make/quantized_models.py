"""ONNX Runtime's own tools on torch exports: static int8 (QDQ and QOperator), dynamic int8, fp16."""
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quant_pre_process, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

import torch_nets
import zoo
from torch_models import ids_and_dense, normal


# Integer kernels saturate on processors without VNNI, where the answers differ by a few quantisation steps.
STEPS = 0.05


class Calibration(CalibrationDataReader):
    def __init__(self, rows):
        rng = np.random.default_rng(3)
        self.feeds = iter([rows(8, rng) for _ in range(8)])

    def get_next(self):
        return next(self.feeds, None)


def exported(net, args, inputs, folder):
    path = str(folder / "model.onnx")
    free = {name: {0: "batch"} for name in (*inputs, "y")}
    torch.onnx.export(net.eval(), args, path, input_names=inputs, output_names=["y"], dynamic_axes=free, dynamo=False)
    return path


def save(name, model, rows, kind, tool, notes=None, **options):
    origin = {"converter": f"onnxruntime {onnxruntime.__version__} {tool}", "source": f"torch {torch.__version__.split('+')[0]}", "options": options}
    zoo.add("converters", name, model, rows, kind, origin, **(notes or {}))


def static(name, path, rows, form, **options):
    ready, out = path + ".ready", path + ".static"
    quant_pre_process(path, ready, skip_symbolic_shape="attention" in name)
    quantize_static(ready, out, Calibration(rows), quant_format=form, **options)
    save(name, onnx.load(out), rows, "independent", "quantize_static", {"tolerance": STEPS}, quant_format=form.name, **{k: str(v) for k, v in options.items()})


def dynamic(name, path, rows, **options):
    out = path + ".dynamic"
    quantize_dynamic(path, out, **options)
    save(name, onnx.load(out), rows, "mixes", "quantize_dynamic", {"tolerance": STEPS}, **{k: str(v) for k, v in options.items()})


def half(name, path, rows, **options):
    save(name, convert_float_to_float16(onnx.load(path), **options), rows, "independent", "transformers.float16", **options)


def make():
    torch.manual_seed(9)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for i in range(4):
            (folder / str(i)).mkdir()
        dense = exported(torch_nets.mlp(), (torch.randn(2, 12),), ["x"], folder / "0")
        image = exported(torch_nets.cnn(), (torch.randn(2, 1, 8, 8),), ["x"], folder / "1")
        pair = (torch.tensor([1, 2]), torch.tensor([3, 4]), torch.randn(2, 5))
        wide = exported(torch_nets.WideDeep(), pair, ["user", "item", "dense"], folder / "2")
        attention = exported(torch_nets.SelfAttention(), (torch.randn(2, 7, 8),), ["x"], folder / "3")
        vector, picture, series = normal("x", 12), normal("x", 1, 8, 8), normal("x", 7, 8)
        for form in (QuantFormat.QDQ, QuantFormat.QOperator):
            static(f"int8_mlp_{form.name.lower()}", dense, vector, form)
            static(f"int8_cnn_{form.name.lower()}", image, picture, form)
        static("int8_cnn_per_channel", image, picture, QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8)
        static("int8_attention_qdq", attention, series, QuantFormat.QDQ)
        dynamic("dynamic_int8_mlp", dense, vector)
        dynamic("dynamic_int8_cnn", image, picture, weight_type=QuantType.QUInt8)
        dynamic("dynamic_int8_attention", attention, series)
        as_half = lambda n, rng: {"x": vector(n, rng)["x"].astype(np.float16)}
        half("fp16_mlp", dense, as_half)
        half("fp16_cnn_keeps_io", image, picture, keep_io_types=True)
        half("fp16_wide_deep_keeps_io", wide, ids_and_dense, keep_io_types=True)
