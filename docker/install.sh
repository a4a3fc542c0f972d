#!/bin/sh
# Inside a build: fill /opt/venv with the pinned packages of some extras of pyproject.toml, and list them.
#   install.sh train,pipeline [INDEX]       INDEX: where else packages may come from, such as torch without CUDA
# What it leaves in /image is the same, byte for byte, whenever it runs.
set -eu
extras=$1 index=${2:-} venv=/opt/venv

python3 -m venv --without-pip "$venv"
mkdir -p src/bedside && touch README.md src/bedside/__init__.py  # stand for the sources, which are a layer of their own
python3 -m pip --python "$venv/bin/python" install --no-cache-dir --no-compile --disable-pip-version-check \
    --root-user-action=ignore --progress-bar off \
    ${index:+--extra-index-url "$index"} --constraint constraints.txt --editable ".[$extras]"

# Test suites of packages are never run here; they are a seventh of the runtime image.
find "$venv/lib" -depth -type d \( -name test -o -name tests \) ! -path '*/torch/*' -exec rm -rf {} +

mkdir -p /image/opt /image/usr/share/sbom
python3 docker/sbom.py "$venv"/lib/python3*/site-packages > /image/usr/share/sbom/bedside.cdx.json
sh docker/settle.sh "$venv" /image
mv "$venv" /image/opt/
touch --date="@${SOURCE_DATE_EPOCH:-315532800}" /image/opt  # the move was a change
