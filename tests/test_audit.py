"""Known holes in what is installed: `pip install pip-audit`, `bash run.sh test -m audit`."""

import json
import subprocess
import sys
import sysconfig

import pytest

pytestmark = pytest.mark.audit


def known_holes(report: dict) -> list[str]:
    """'name version: advisories' of each package that has some."""
    return [
        f"{package['name']} {package['version']}: {', '.join(hole['id'] for hole in holes)}"
        for package in report["dependencies"]
        if (holes := package.get("vulns"))
    ]


def test_no_advisory_is_known_of_an_installed_package():
    pytest.importorskip("pip_audit", reason="pip-audit isn't installed")
    command = ["-m", "pip_audit", "--path", sysconfig.get_path("purelib"), "--format", "json"]
    # It ends with 1 where it finds something; what it finds is in the report.
    ended = subprocess.run(
        [sys.executable, "-P", *command], capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(ended.stdout)
    except json.JSONDecodeError:
        pytest.skip(f"the advisories can't be read: {ended.stderr.strip()[-200:]}")
    if all("skip_reason" in package for package in report["dependencies"]):
        pytest.skip("the advisories can't be reached from here")
    assert known_holes(report) == []
