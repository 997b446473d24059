"""Memory that runs out and processes that are killed for it are a sentence, and nothing else is."""

import cv2
import numpy as np
import pytest
import torch

from graphemes.foundation.shortages import is_memory_shortage, shortage

KILLED = "DataLoader worker (pid 12) is killed by signal: Killed. "
GONE = "DataLoader worker (pid(s) 12, 13) exited unexpectedly"
FAILED = (
    "DataLoader worker (pid 12) exited unexpectedly with exit code 1. Details are lost due to"
    " multiprocessing. Rerunning with num_workers=0 may give better error trace."
)


def raised(call: object) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each library's own
        call()
    return caught.value


SHORTAGES = {
    "Python": MemoryError(),
    "numpy": raised(lambda: np.empty(2**60, np.uint8)),
    "torch": raised(lambda: torch.empty(2**60, dtype=torch.uint8)),
    "CUDA": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    "Metal": RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    "OpenCV": cv2.error("error: (-4:Insufficient memory) Failed to allocate 4 bytes"),
    "the system": OSError(12, "Cannot allocate memory"),
    "a worker": RuntimeError("Caught _ArrayMemoryError in DataLoader worker process 0.\nOriginal"),
}


@pytest.mark.parametrize("error", SHORTAGES.values(), ids=SHORTAGES)
def test_memory_that_ran_out_is_known_by_what_libraries_say(error):
    assert is_memory_shortage(error)
    said = shortage(error)
    assert said.startswith("memory ran out (")
    assert "smaller batch_size" in said


@pytest.mark.parametrize("text", [KILLED, GONE, KILLED + "It is possible that dataloader's"])
def test_a_killed_worker_is_said(text):
    said = shortage(RuntimeError(text))
    assert said.startswith(f"a process that makes pictures was killed ({text.rstrip('. ')})")
    assert "workers=0" in said


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(FAILED),  # its traceback says more
        ValueError(KILLED),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        OSError(28, "No space left on device"),
        KeyError("memory"),
    ],
)
def test_other_errors_are_none(error):
    assert shortage(error) is None
    assert not is_memory_shortage(error)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(KILLED), OSError(12, "No memory")])
def test_a_command_says_it_in_a_line(run, monkeypatch, error):
    def fail(_settings: object) -> None:
        raise error

    monkeypatch.setattr("graphemes.commands.folds.run", fail)
    done = run("folds")
    assert done.code == 2
    assert done.err == f"graphemes: {shortage(error)}\n"


@pytest.mark.parametrize("error", [EOFError, ConnectionResetError])
def test_a_process_that_is_killed_while_it_hands_a_batch_over_is_known_by_where(error):
    """torch notices only later; the pipe is what breaks first."""

    class Breaking(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, _: int) -> int:
            raise error

    said = shortage(raised(lambda: next(iter(torch.utils.data.DataLoader(Breaking())))))
    assert said is not None
    assert said.startswith(f"a process that makes pictures was killed ({error.__name__}); out of")
    assert shortage(raised(lambda: Breaking()[0])) is None, "of something else"
