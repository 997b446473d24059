"""Text in Arrow's tables: the types that hold it, whoever wrote the file."""

import pyarrow as pa


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text: any of Arrow's three strings, or their codes.

    pandas writes string or large_string, polars string_view; categories are dictionary-encoded.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(test(kind) for test in tests)
