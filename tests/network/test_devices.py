"""A device and the precision that it does fast; what isn't there is said."""

import pytest
import torch

from graphemes.foundation.errors import NetworkError, SettingsError
from graphemes.network import devices
from graphemes.network.devices import (
    Engine,
    choose_engine,
    fast_precision,
    has_kernels,
    idle_gpu,
    same_bits,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_arch_list", lambda: ["sm_70", "sm_75", "compute_90"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (7, 5))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "Tesla T4")


def test_auto_is_the_cpu_where_there_is_nothing_else(no_gpu):
    assert choose_engine("auto", "fp32") == Engine(CPU, "fp32")
    assert choose_engine("cpu", "bf16") == Engine(CPU, "bf16")
    assert choose_engine("cpu", "fp32").describe().startswith("CPU, ")


def test_auto_takes_a_gpu(two_gpus):
    engine = choose_engine("auto", "auto")
    assert engine == Engine(GPU, "fp16")
    assert engine.needs_scaler
    assert engine.describe() == "Tesla T4, fp16"
    assert choose_engine("cuda:1", "fp32") == Engine(torch.device("cuda:1"), "fp32")


def test_a_cpu_is_never_left_behind_by_auto_precision(two_gpus):
    assert choose_engine("cpu", "auto").device == CPU


@pytest.mark.parametrize("wish", ["cuda", "cuda:0", "cuda:3", "cuda:99"])
def test_an_absent_gpu_is_said(no_gpu, wish):
    with pytest.raises(SettingsError, match=rf"^device={wish}: this machine has 0 CUDA devices; "):
        choose_engine(wish, "auto")


def test_a_gpu_too_many_is_said(two_gpus):
    with pytest.raises(
        SettingsError, match=r"^device=cuda:2: this machine has 2 CUDA devices; use"
    ):
        choose_engine("cuda:2", "auto")


def test_an_absent_apple_gpu_is_said(no_gpu):
    with pytest.raises(SettingsError, match=r"^device=mps: this machine has no Apple GPU; use"):
        choose_engine("mps", "auto")


def test_half_precision_is_refused_on_a_cpu(no_gpu):
    for device in ("cpu", "auto"):
        with pytest.raises(SettingsError, match=r"^precision=fp16 needs a GPU; on a CPU use"):
            choose_engine(device, "fp16")


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((6, 0), "fp16"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16"), ((12, 0), "bf16")],
)
def test_a_gpu_computes_in_what_its_hardware_has(monkeypatch, capability, precision):
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    assert fast_precision(GPU) == precision


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ({"avx2", "avx512f"}, "fp32"),
        ({"avx512_bf16"}, "bf16"),
        ({"amx_bf16", "avx2"}, "bf16"),
        (set(), "fp32"),
    ],
)
def test_a_cpu_computes_in_what_its_flags_say(monkeypatch, flags, precision):
    monkeypatch.setattr(devices, "cpu_flags", lambda: frozenset(flags))
    assert fast_precision(CPU) == precision
    assert choose_engine("cpu", "auto").precision == precision


def test_an_apple_gpu_computes_in_fp32():
    assert fast_precision(torch.device("mps")) == "fp32"


def test_layers_compute_in_the_precision_under_autocast():
    layer, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with Engine(CPU, precision).autocast():
            assert layer(x).dtype == kind
        assert layer(x).dtype == torch.float32
    assert not Engine(CPU, "bf16").needs_scaler


@pytest.fixture
def p100(two_gpus, monkeypatch):
    """Kaggle's P100 under a torch that has no kernels for it, though it says it is available."""
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (6, 0))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "Tesla P100-PCIE-16GB")
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)


def test_a_gpu_without_kernels_is_left_idle(p100):
    assert choose_engine("auto", "fp32") == Engine(CPU, "fp32")
    said = idle_gpu()
    assert said is not None
    assert "has no kernels for the Tesla P100-PCIE-16GB (sm_60; it has sm_70, sm_75, " in said
    with pytest.raises(SettingsError, match=r"^device=cuda: torch .* has no kernels .*; use dev"):
        choose_engine("cuda", "auto")


def test_a_gpu_with_kernels_is_no_idle_one(two_gpus):
    assert idle_gpu() is None


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((6, 0), ["sm_70", "sm_75"], False),
        ((6, 0), ["sm_60"], True),
        ((6, 1), ["sm_60"], True),  # a binary runs on a later minor of its major
        ((7, 0), ["sm_75"], False),
        ((8, 6), ["sm_80"], True),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["compute_80"], True),  # intermediate code runs on everything newer
        ((7, 0), ["compute_80"], False),
        ((9, 0), ["sm_90a"], True),
        ((12, 0), ["sm_120"], True),
        ((10, 3), ["sm_103a"], True),
        ((10, 3), ["sm_100a"], False),
        ((7, 5), ["gfx90a"], False),
    ],
)
def test_which_code_runs_on_which_gpu(capability, built_for, runs):
    assert has_kernels(capability, built_for) == runs


def test_the_same_bits_are_asked_of_torch_for_a_while():
    was = torch.backends.cudnn.deterministic
    with same_bits(asked=True):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.deterministic == was
    with same_bits(asked=False):
        assert not torch.are_deterministic_algorithms_enabled()


def test_what_torch_has_no_such_way_for_is_named():
    with (
        pytest.raises(NetworkError, match=r"deterministic=true: of put_ torch has no way"),
        same_bits(asked=True),
    ):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2), accumulate=False)
    with pytest.raises(RuntimeError, match="another"), same_bits(asked=True):
        raise RuntimeError("another")
    assert not torch.are_deterministic_algorithms_enabled()
