"""Text in Arrow's tables: the types that hold it, whoever wrote the file."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST_ID = 255  # bytes
NO_CODES = "Not yet implemented"  # Arrow's word on texts of an encoding that it can't give codes of


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text: any of Arrow's three strings, or their codes.

    pandas writes string or large_string, polars string_view; categories are dictionary-encoded.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(test(kind) for test in tests)


def longest_text(texts: pa.Array) -> int:
    """The bytes of the longest, of those in the dictionary where there is one; 0 of none."""
    if isinstance(texts, pa.DictionaryArray):
        texts = texts.dictionary
    if not len(texts):
        return 0
    if not pa.types.is_string_view(texts.type):
        return pc.max(pc.binary_length(texts)).as_py() or 0
    # Arrow has no such function of views; each is 16 bytes, which begin with the length.
    views = np.frombuffer(texts.buffers()[1], np.int32).reshape(-1, 4)
    return int(views[texts.offset : texts.offset + len(texts), 0].max())
