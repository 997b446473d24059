"""Memory that ran out, and processes that a system kills for it: what libraries say of them."""

import errno

from graphemes.foundation.errors import KEPT, one_line

# torch's allocators, CUDA's libraries, OpenCV, the system; an error of another process, by name.
_NO_MEMORY = (
    "allocate memory",
    "out of memory",
    "ALLOC_FAILED",
    "Insufficient memory",
    "MemoryError",
)
_WORKER = "DataLoader worker (pid"
_OWN_END = "with exit code"  # of a worker that failed and has said why


def is_memory_shortage(error: Exception) -> bool:
    """Whether memory ran out, this machine's or a device's."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(word in str(error) for word in _NO_MEMORY)


def _is_of_a_handover(error: Exception) -> bool:
    """Whether a loader's process went away while it handed a batch over, before torch noticed."""
    if not isinstance(error, EOFError | ConnectionError):
        return False
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "torch.utils.data.dataloader":
            return True
        trace = trace.tb_next
    return False


def shortage(error: Exception) -> str | None:
    """What to do about memory that ran out or a process that was killed; None if it isn't that."""
    text = one_line(error)
    told = isinstance(error, RuntimeError) and text.startswith(_WORKER) and _OWN_END not in text
    if told or _is_of_a_handover(error):
        text = text or type(error).__name__
        return (
            f"a process that makes pictures was killed ({text.rstrip('. ')}); out of memory? try"
            f" workers=0 or a smaller batch_size; {KEPT}"
        )
    if is_memory_shortage(error):
        return f"memory ran out ({text}); try workers=0 or a smaller batch_size; {KEPT}"
    return None
