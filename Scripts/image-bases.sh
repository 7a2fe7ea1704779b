#!/bin/bash
# The two images that Dockerfile builds from, made here where no registry is reached: a minimal Debian 12, and one with what Swift's toolchain
# needs. The toolchain itself is not copied (3 GiB): Scripts/image.sh mounts it. Prints --build-arg options for buildah.
# Needs root, mmdebstrap and podman. What is there already is kept; `podman rmi byol-base-run byol-base-build` removes it.
set -euo pipefail
mirror=${MIRROR:-http://deb.debian.org/debian}
# What swift.org lists for Debian 12, and git for the package manager.
toolchain=binutils,git,libc6-dev,libcurl4-openssl-dev,libedit2,libgcc-12-dev,libncurses6,libpython3-dev,libsqlite3-0,libstdc++-12-dev,libxml2-dev,libz3-dev,pkg-config,tzdata,zlib1g-dev
make_base() {
  local name=$1 packages=$2
  podman image exists "$name" && return
  echo "image-bases: making $name" >&2
  # As Debian's own slim images: no manuals, no documents but licences, no translations.
  mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    bookworm - "$mirror" | podman import --quiet --change 'ENV PATH=/opt/swift/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$name" >&2
}
make_base byol-base-run ca-certificates
make_base byol-base-build "ca-certificates,$toolchain"
echo "--build-arg BUILD_IMAGE=localhost/byol-base-build --build-arg RUN_IMAGE=localhost/byol-base-run"
