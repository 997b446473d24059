"""No name of torch is used that Kaggle's torch 2.10 lacks: the local build is newer and has all.

pandas, pyarrow, scikit-learn, numpy and the others run in Kaggle's own versions in test_kaggle.py.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "graphemes"
# All are documented since before 2.6, the oldest that pyproject.toml takes, and still; youngest are
# torch.amp.GradScaler and torch.nn.attention, of 2.3. Read at docs.pytorch.org for 2.3, 2.5,
# 2.8 and stable. _BatchNorm has no page: BatchNorm2d is made of it.
DOCUMENTED = """
torch torch.Size torch.Tensor torch.__version__ torch.add torch.amp torch.amp.GradScaler
torch.arange torch.autocast torch.autograd torch.autograd.Function torch.autograd.grad
torch.backends torch.backends.mps torch.backends.mps.is_available torch.bfloat16 torch.bool
torch.are_deterministic_algorithms_enabled torch.backends.cudnn
torch.backends.cudnn.deterministic torch.use_deterministic_algorithms
torch.cat torch.channels_last torch.contiguous_format torch.cuda torch.cuda.device_count
torch.cuda.empty_cache
torch.cuda.get_arch_list torch.cuda.get_device_capability torch.cuda.get_device_name
torch.cuda.is_available torch.cuda.set_device torch.device torch.distributed
torch.distributed.PrefixStore torch.distributed.TCPStore torch.distributed.all_reduce
torch.distributed.broadcast torch.distributed.broadcast_object_list
torch.distributed.destroy_process_group torch.distributed.elastic.multiprocessing.DefaultLogsSpecs
torch.distributed.elastic.multiprocessing.SignalException
torch.distributed.elastic.multiprocessing.errors.ChildFailedError torch.distributed.gather_object
torch.distributed.init_process_group torch.distributed.is_nccl_available
torch.distributed.launcher.api.LaunchConfig torch.distributed.launcher.api.elastic_launch
torch.distributed.new_group torch.empty torch.enable_grad torch.eye torch.finfo torch.float16
torch.float32 torch.float64 torch.from_numpy torch.get_num_threads torch.inf
torch.inference_mode torch.isfinite
torch.maximum torch.nn.functional.conv2d torch.nn.functional.max_pool2d
torch.library torch.library.Library torch.load torch.manual_seed torch.nn torch.nn.AdaptiveAvgPool2d
torch.nn.BatchNorm1d torch.nn.BatchNorm2d torch.nn.Conv2d torch.nn.Dropout torch.nn.Flatten
torch.nn.Identity torch.nn.Linear torch.nn.MaxPool2d torch.nn.Module torch.nn.Module.load_state_dict
torch.nn.ModuleDict torch.nn.Parameter torch.nn.ReLU torch.nn.Sequential torch.nn.SyncBatchNorm
torch.nn.SyncBatchNorm.convert_sync_batchnorm torch.nn.attention.SDPBackend
torch.nn.attention.SDPBackend.MATH torch.nn.attention.sdpa_kernel torch.nn.functional
torch.nn.functional.adaptive_avg_pool2d torch.nn.functional.affine_grid
torch.nn.functional.avg_pool2d
torch.nn.functional.binary_cross_entropy_with_logits torch.nn.functional.cross_entropy
torch.nn.functional.grid_sample torch.nn.functional.interpolate torch.nn.functional.pad
torch.nn.functional.relu torch.nn.init torch.nn.init.kaiming_normal_ torch.nn.init.ones_
torch.nn.init.zeros_ torch.nn.modules.batchnorm._BatchNorm torch.nn.parallel.DistributedDataParallel
torch.nn.utils torch.nn.utils.clip_grad_norm_ torch.no_grad torch.ones torch.ones_like torch.optim
torch.optim.AdamW torch.optim.Optimizer torch.optim.SGD torch.optim.lr_scheduler
torch.optim.lr_scheduler.LRScheduler torch.optim.lr_scheduler.LambdaLR
torch.optim.lr_scheduler.OneCycleLR torch.optim.swa_utils.AveragedModel
torch.optim.swa_utils.get_ema_multi_avg_fn torch.rand torch.randint torch.random
torch.random.fork_rng torch.save torch.set_num_threads torch.split torch.stack torch.strided
torch.tensor
torch.utils.checkpoint.checkpoint torch.utils.data.DataLoader torch.utils.data.Dataset
torch.utils.data.Sampler torch.utils.flop_counter.FlopCounterMode torch.zeros
torch.expm1 torch.empty_like torch.fft torch.fft.irfft2 torch.lerp torch.maximum torch.minimum
torch.view_as_complex torch.where
torch.distributed.ReduceOp torch.distributed.ReduceOp.MAX torch.uint8
torch.cuda.get_rng_state torch.cuda.set_rng_state torch.get_rng_state torch.set_rng_state
torch.Generator torch.mps torch.mps.get_rng_state torch.mps.set_rng_state
"""
# Where torch isn't what runs on Kaggle: a folder or module, and why its names don't count.
# Studies; exporting is done at home.
ELSEWHERE = (
    "experiments/",
    *(f"inference/{one}" for one in ("export", "ink_s", "onnx_", "scan_g")),
)


def torch_names(text: str) -> Iterator[str]:
    """The names of torch that a module uses, in full: torch.nn.Linear, however it was imported."""
    tree = ast.parse(text)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "torch":
                    known[alias.asname or "torch"] = alias.name if alias.asname else "torch"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    yield from known.values()
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.expr | ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in known:
            yield ".".join([known[inner.id], *reversed(parts)])


def test_every_name_of_torch_is_in_the_documentation_of_kaggles():
    documented = set(DOCUMENTED.split())
    unknown = {
        f"{where}: {name}"
        for path in SOURCE.rglob("*.py")
        if not (where := path.relative_to(SOURCE).as_posix()).startswith(ELSEWHERE)
        for name in torch_names(path.read_text(encoding="utf-8"))
        if name not in documented
    }
    assert not unknown, (
        "look these up in docs.pytorch.org/docs/2.10; if they are there, add them to the list:"
        f" {sorted(unknown)}"
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "import torch\ntorch.cuda.is_available()",
            {"torch", "torch.cuda", "torch.cuda.is_available"},
        ),
        ("from torch import nn as n\nn.Linear(1, 1)", {"torch.nn", "torch.nn.Linear"}),
        (
            "import torch.nn.functional as F\nF.pad",
            {"torch.nn.functional", "torch.nn.functional.pad"},
        ),
        ("import numpy\nnumpy.torch.x", set()),
    ],
)
def test_names_are_read_in_full(text, names):
    assert set(torch_names(text)) == names
