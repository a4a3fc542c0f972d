"""Prints what an image holds as a CycloneDX 1.6 document: the packages of a Python environment and of the system.

python3 sbom.py /opt/venv/lib/python3.11/site-packages

The same packages give the same bytes: it bears no time of its own (SOURCE_DATE_EPOCH), and its serial number follows
from what it lists. Uses nothing but the standard library, since it runs where nothing else is installed.
"""

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from importlib.metadata import Distribution, distributions
from typing import Any
from urllib.parse import quote

Entry = dict[str, Any]


def main() -> None:
    components = sorted([*python_packages(sys.argv[1]), *system_packages()], key=lambda entry: str(entry["purl"]))
    listed = json.dumps(components, sort_keys=True)
    time = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), datetime.UTC)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, listed)}",
        "metadata": {"timestamp": time.isoformat(), "component": {"type": "container", "name": "bedside"}},
        "components": components,
    }
    print(json.dumps(document, indent=1, sort_keys=True))


def python_packages(folder: str) -> list[Entry]:
    """Every distribution installed in `folder`."""
    return [_python_package(found) for found in distributions(path=[folder])]


def _python_package(found: Distribution) -> Entry:
    name = re.sub(r"[-_.]+", "-", found.name).lower()
    return _entry("pypi", name, found.version, _licence(found))


def _licence(found: Distribution) -> str | None:
    """What the package itself says: its SPDX expression, else its classifiers, else a short text."""
    about = found.metadata
    classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    text = about.get("License-Expression") or " AND ".join(classifiers) or about.get("License")
    return text.strip() if text and len(text) < 200 else None


def system_packages() -> list[Entry]:
    """Every package of the Debian base; none where the base is another system."""
    if shutil.which("dpkg-query") is None:
        return []
    asked = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n"]
    lines = subprocess.run(
        asked, check=True, capture_output=True, encoding="utf-8", errors="replace"
    ).stdout.splitlines()
    return [_entry("deb/debian", *line.split(" ")) for line in lines]


def _entry(kind: str, name: str, version: str, licence: str | None = None) -> Entry:
    purl = f"pkg:{kind}/{quote(name)}@{quote(version)}"
    entry: Entry = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return entry | ({"licenses": [{"license": {"name": licence}}]} if licence else {})


if __name__ == "__main__":
    main()
