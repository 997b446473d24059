"""What is an address and what a path; what is wrong with one is said without its secrets."""

from pathlib import Path

import pytest

from graphemes.foundation.addresses import inside, masked, read_address
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.groups import Places


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket/folder/", "s3://bucket/folder"),
        ("s3://bucket", "s3://bucket"),
        (
            "s3://b/f/?scheme=http&endpoint_override=h:1",
            "s3://b/f?scheme=http&endpoint_override=h:1",
        ),
        ("memory:///x", "memory:///x"),
        ("local:///tmp/x", "local:///tmp/x"),
        ("abfs://container@account.dfs.core.windows.net/x",) * 2,
        ("http://host:8080/data@v1",) * 2,
        ("hf://datasets/user/repo@main/x",) * 2,
    ],
)
def test_what_has_a_scheme_is_an_address(text, address):
    assert read_address(text) == address
    assert Places(data_dir=text).data_dir == address
    assert masked(address) == address


@pytest.mark.parametrize("text", ["/data", "data", "C:\\data", "C:/data", "a b", "~/x", "x/s3://y"])
def test_what_has_none_is_a_path(text):
    assert read_address(text) is None
    assert isinstance(Places(data_dir=text).data_dir, Path)


def test_a_file_that_is_named_like_one_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:x").mkdir()
    assert Places(data_dir="s3:x").data_dir == tmp_path / "s3:x"


def test_a_local_address_is_a_path():
    assert Places(data_dir="file:///data/a%20b").data_dir == Path("/data/a b")
    assert Places(data_dir="file://localhost/data").data_dir == Path("/data")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3:/bucket/x", "'s3:/bucket/x' is neither a path nor an address; expected s3://bucket/x"),
        ("s3:bucket", "expected s3://bucket, or a path that begins with ./"),
        ("s3://", "names no place; expected s3://bucket/folder"),
        ("file://host/x", "names another machine; expected file:///folder"),
        ("http://[x/y", "is no address"),
    ],
)
def test_what_is_neither_is_refused(text, said):
    with pytest.raises(SettingsError) as caught:
        Places(data_dir=text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIA:hidden@bucket/x",
        "s3://AKIA:hid/den@bucket/x",
        "s3:/AKIA:hidden@bucket/x",
        "https://me:hidden@host:80/x",
        "https://host/x?X-Amz-Signature=hidden",
        "s3://bucket/x?region=eu&secret_key=hidden",
        "abfs://account/x?sas_token=hidden",
    ],
)
def test_credentials_are_refused_and_not_repeated(text):
    with pytest.raises(SettingsError) as caught:
        Places(data_dir=text)
    assert "***" in str(caught.value)
    assert "hid" not in str(caught.value)
    assert "den" not in str(caught.value).replace("credentials", "")


def test_a_file_is_named_inside_a_directory():
    address = read_address("s3://b/f?scheme=http")
    assert isinstance(address, str)
    assert inside(address, "x.csv") == "s3://b/f/x.csv?scheme=http"
