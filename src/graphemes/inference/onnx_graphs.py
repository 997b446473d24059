"""Programs as ONNX graphs: converted, joined, quantised, described and run.

B images of a batch, H x W pixels of a picture, C classes of one head.
"""

import logging
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graphemes.foundation.errors import NetworkError, one_line
from graphemes.foundation.heads import PerHead, Probabilities
from graphemes.inference.export import OUTPUTS, PICTURES, SCANS
from graphemes.inference.onnx_library import onnx_library, onnxruntime_library

OPSET = 18  # of ONNX's operators: the first whose ScatterElements knows max, and torch's own
BATCH = "batch"  # the name of the dimension of images
Graph = Any  # onnx.ModelProto, of a package without types


def convert(program: torch.export.ExportedProgram, source: str, results: list[str]) -> Graph:
    """The ONNX graph of a program with one input; its batch stays free. Raises NetworkError."""
    onnx_library()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch and onnxscript warn of calls of their own
            converted = torch.onnx.export(
                program,
                (),
                input_names=[source],
                output_names=results,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                # What reads scans is a thousand small steps: torch takes half a minute to look
                # for fewer, which onnxruntime finds by itself.
                optimize=source == PICTURES,
                verbose=False,
            )
    except Exception as error:  # noqa: BLE001  # torch raises what it likes over an operation
        raise NetworkError(
            f"this network can't be made ONNX: {one_line(error)}; take format=torch_export, or"
            " another trunk"
        ) from None
    assert converted is not None, "torch.onnx.export without a program"
    graph = converted.model_proto
    _clean(graph)
    return graph


def _clean(graph: Graph) -> None:
    """Leave out where in torch each node comes from, and call the batch by its name."""
    del graph.metadata_props[:]
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del graph.graph.metadata_props[:]
    del graph.graph.value_info[:]  # shapes by torch's names: who reads the graph infers them
    for value in (*graph.graph.input, *graph.graph.output):
        del value.metadata_props[:]
        value.type.tensor_type.shape.dim[0].dim_param = BATCH


def joined(scans: Graph, pictures: Graph, *, shown: bool = False) -> Graph:
    """One graph of two: from scans to pictures, from pictures to probabilities.

    shown: the pictures come out too.
    """
    onnx = onnx_library()
    # Only what is inside gets new names, so that none is in both.
    inside = {"rename_inputs": False, "rename_outputs": False}
    first = onnx.compose.add_prefix(scans, "scan/", **inside)
    second = onnx.compose.add_prefix(pictures, "network/", **inside)
    versions = max(first.ir_version, second.ir_version)
    first.ir_version = second.ir_version = versions
    whole = onnx.compose.merge_models(first, second, io_map=[(PICTURES, PICTURES)])
    if shown:
        whole.graph.output.append(first.graph.output[0])
    return whole


def quantised(graph: Graph, batches: Iterable[npt.NDArray[np.float32]]) -> Graph:
    """A graph from pictures whose convolutions and layers count in int8 (QDQ).

    Ranges of activations are the least and the greatest over the batches of pictures
    (B, 1, H, W); weights have a scale for each channel.
    """
    onnx, runtime = onnx_library(), onnxruntime_library()
    quantization = runtime.quantization
    with tempfile.TemporaryDirectory() as directory, _quiet_logging():
        # By files: handed a graph, it writes the weights to a file of its own and loses them.
        given, prepared, written = (Path(directory) / name for name in ("fp32", "ready", "int8"))
        onnx.save(graph, given)
        quantization.quant_pre_process(given, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            written,
            _calibration(batches),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            # Processors without VNNI add two products in 16 bits, which whole int8 overflows.
            reduce_range=True,
        )
        return onnx.load(written)


def _calibration(batches: Iterable[npt.NDArray[np.float32]]) -> Any:
    left = iter(batches)

    class Calibration(onnxruntime_library().quantization.CalibrationDataReader):  # type: ignore[misc]
        """The batches, one by one."""

        def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
            """The next batch by the input's name; None after the last."""
            batch = next(left, None)
            return None if batch is None else {PICTURES: batch}

    return Calibration()


class _quiet_logging:
    """The root logger holds back warnings: quantisation gives advice on each call."""

    def __enter__(self) -> None:
        self.level = logging.root.level
        logging.root.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.root.setLevel(self.level)


def describe(graph: Graph, about: dict[str, str]) -> None:
    """Write what a graph is made of and what its outputs mean into its metadata."""
    for key, value in about.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value


def save(graph: Graph, path: Path) -> None:
    """Write a graph that ONNX itself finds whole, in one file. Raises NetworkError."""
    onnx = onnx_library()
    try:
        onnx.checker.check_model(graph)
        onnx.save(graph, path)
    except (ValueError, onnx.checker.ValidationError) as error:  # 2 GB are the most it can hold
        raise NetworkError(
            f"this network can't be one ONNX file: {one_line(error)}; take format=torch_export,"
            " or export fewer folds"
        ) from None


class Session:
    """A graph that onnxruntime runs on this process's cores."""

    def __init__(self, path: Path) -> None:
        runtime = onnxruntime_library()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # as many as torch, to be compared
        options.log_severity_level = 3  # errors
        self.session = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.source: str = self.session.get_inputs()[0].name

    def __call__(self, batch: npt.NDArray[Any]) -> Probabilities:
        """Scans (B, 137, 236) uint8 or pictures (B, 1, H, W) float32 -> PerHead[(B, C)]."""
        return PerHead(*self.session.run(OUTPUTS, {self.source: batch}))

    @property
    def about(self) -> dict[str, str]:
        """The graph's metadata."""
        return dict(self.session.get_modelmeta().custom_metadata_map)

    @property
    def reads_scans(self) -> bool:
        """Whether it takes scans, not pictures."""
        return self.source == SCANS
