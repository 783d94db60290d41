#!/bin/sh
# Pins the base images of the Dockerfile to what their tags are now: deploy/image/pin-base.sh
# Needs docker with buildx. For another version change the tag in the Dockerfile before that.
set -eu
dockerfile="$(dirname "$0")/Dockerfile"
command -v docker > /dev/null || { echo "pin-base: needs docker with buildx" >&2; exit 1; }

for pinned in $(grep -oE '[a-z0-9./-]+:[A-Za-z0-9_.-]+@sha256:[0-9a-f]{64}' "$dockerfile"); do
  image="${pinned%@*}"
  digest="$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')"
  if ! echo "$digest" | grep -qE '^sha256:[0-9a-f]{64}$'; then
    echo "pin-base: no digest of $image: $digest" >&2
    exit 1
  fi
  fresh="$(sed "s|$pinned|$image@$digest|" "$dockerfile")"
  printf '%s\n' "$fresh" > "$dockerfile"
  echo "$image@$digest"
done
