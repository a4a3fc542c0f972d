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
    local image all
    all="$(cd docker && echo *.Dockerfile | sed 's/\.Dockerfile//g') runtime-openvino"
    for image in ${IMAGES:-$all}; do
        case " $all " in *" $image "*) ;; *) refuse "no image '$image'; known: $all" ;; esac
    done
    expect_base
    for image in ${IMAGES:-$all}; do
        case $image in
            train) build train train --build-arg TORCH_INDEX="${TORCH_INDEX:-}" ;;
            runtime-openvino) build "$image" runtime --build-arg EXTRAS=runtime,openvino ;;
            *) build "$image" "$image" ;;
        esac
    done
}

expect_base() {  # here, or where the engine can fetch it
    local base=${BASE:-$(sed -n 's/^ARG BASE=//p' docker/runtime.Dockerfile)}
    "$engine" image inspect "$base" >/dev/null 2>&1 && return
    "$engine" pull ${PLATFORM:+--platform "$PLATFORM"} "$base" ||
        refuse "the base $base is not on this engine and cannot be fetched; name another: make images BASE=..."
}

describe() {  # what the labels say: the commit (and whether files differ from it), where the sources are
    commit=$(git rev-parse HEAD)
    [ -z "$(git status --porcelain -- . ':!docs' ':!tests' ':!metrics')" ] || commit+=-changed
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    # An address may hold a password; a folder of this machine says nothing to others.
    source=$(git config --get remote.origin.url | sed -nE 's#^(https?|ssh)://([^/@]*@)?#\1://#p' || true)
}

build() {  # NAME FILE FLAGS...
    local name=bedside-$1:$tag file=docker/$2.Dockerfile
    shift 2
    echo "== $name"
    "$engine" build ${BASE:+--build-arg BASE="$BASE"} ${PLATFORM:+--platform "$PLATFORM"} \
        --build-arg COMMIT="$commit" --build-arg SOURCE="$source" --build-arg VERSION="$version" \
        "${flags[@]}" "$@" --file "$file" --tag "$name" .
    echo "$name: $(megabytes "$name") MB$(list_contents "$name")"
}

list_contents() {  # what the image says that it holds, as a file beside it
    local file=build/sbom/${1%:*}.json
    mkdir -p build/sbom
    "$engine" run --rm --network=none ${PLATFORM:+--platform "$PLATFORM"} "$1" cat "$sbom" >"$file" 2>/dev/null || {
        rm -f "$file"
        return 0
    }
    echo ", $(grep -c '"purl"' "$file") packages in $file"
}

megabytes() { echo $(($("$engine" image inspect --format '{{.Size}}' "$1") / 1000000)); }

refuse() { echo "images: $*" >&2; exit 1; }

main
