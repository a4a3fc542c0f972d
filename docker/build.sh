#!/usr/bin/env bash
# Builds the images that pipelines run in, writes what each holds to build/sbom, and says how big they are.
#   make images [IMAGES="train runtime"] [BASE=IMAGE] [TORCH_INDEX=URL] [TAG=dev] [PLATFORM=linux/arm64] [ENGINE=podman]
#               [ENGINE_BUILD_FLAGS=--network=host]
set -euo pipefail
cd "$(dirname "$0")/.."
engine=${ENGINE:-docker} tag=${TAG:-dev} sbom=/usr/share/sbom/bedside.cdx.json
read -ra flags <<<"${ENGINE_BUILD_FLAGS:-}"

main() {
    "$engine" version >/dev/null 2>&1 || refuse "no container engine answers to '$engine'; start it, or name another: make images ENGINE=podman"
    describe
    local image
    for image in ${IMAGES:-train runtime runtime-openvino}; do
        case $image in
            train) build train "train.Dockerfile" --build-arg TORCH_INDEX="${TORCH_INDEX:-}" ;;
            runtime) build runtime "runtime.Dockerfile" ;;
            runtime-openvino) build runtime-openvino "runtime.Dockerfile" --build-arg EXTRAS=runtime,openvino ;;
            *) refuse "no image '$image'; known: train, runtime, runtime-openvino" ;;
        esac
    done
}

describe() {  # what the labels say: the commit (and whether files differ from it), where the sources are
    commit=$(git rev-parse HEAD)
    [ -z "$(git status --porcelain -- . ':!docs' ':!tests' ':!metrics')" ] || commit+=-changed
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    # An address may hold a password; a folder of this machine says nothing to others.
    source=$(git config --get remote.origin.url | sed -nE 's#^(https?|ssh)://([^/@]*@)?#\1://#p' || true)
}

build() {  # NAME DOCKERFILE FLAGS...
    local name=bedside-$1:$tag file=$2
    shift 2
    echo "== $name"
    "$engine" build ${BASE:+--build-arg BASE="$BASE"} ${PLATFORM:+--platform "$PLATFORM"} \
        --build-arg COMMIT="$commit" --build-arg SOURCE="$source" --build-arg VERSION="$version" \
        "${flags[@]}" "$@" --file "docker/$file" --tag "$name" .
    mkdir -p build/sbom
    "$engine" run --rm --network=none ${PLATFORM:+--platform "$PLATFORM"} "$name" cat "$sbom" >"build/sbom/${name%:*}.json"
    echo "$name: $(megabytes "$name") MB, $(grep -c '"purl"' "build/sbom/${name%:*}.json") packages in build/sbom/${name%:*}.json"
}

megabytes() { echo $(($("$engine" image inspect --format '{{.Size}}' "$1") / 1000000)); }

refuse() { echo "images: $*" >&2; exit 1; }

main
