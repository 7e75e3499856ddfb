#!/bin/bash
# Looks through the image for known vulnerabilities and mistakes (Trivy) and for secrets (Trivy, TruffleHog).
#
#   deploy/ci/scan-image.sh [IMAGE]        IMAGE is ems-agent:latest unless named
#
# Both run as containers, of versions that are named here; TRIVY_IMAGE and TRUFFLEHOG_IMAGE name others (by digest, say).
# It ends with 1 when one of them found something, and with 2 when one of them could not look: that is no clean image.
# What is known and accepted stands in deploy/ci/trivyignore, with a date after which it counts again.
set -euo pipefail

image=${1:-ems-agent:latest}
trivy=${TRIVY_IMAGE:-aquasec/trivy:0.58.1}
trufflehog=${TRUFFLEHOG_IMAGE:-trufflesecurity/trufflehog:3.88.0}
root=$(cd "$(dirname "$0")/../.." && pwd)
[[ $image =~ ^[a-z0-9][a-zA-Z0-9._/:@-]*$ ]] || { echo "scan-image.sh: not an image: $image" >&2; exit 64; }
command -v docker >/dev/null || { echo 'scan-image.sh: Docker is needed to look into an image' >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=0

# Runs a scanner, which says by 10 that it found something; whatever else isn't 0 is a scanner that could not look.
look() {
  local what=$1 status=0
  shift
  echo "== $what"
  docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp:mode=1777 "$@" || status=$?
  case $status in
    0) ;;
    10) found=1 ;;
    *) echo "scan-image.sh: $what could not be done ($status)" >&2; exit 2 ;;
  esac
}

# The image as a file: no scanner gets Docker's socket, which is the host itself.
docker image inspect --format '{{.Id}} from {{json .RepoTags}}' "$image" || { echo "scan-image.sh: there is no $image" >&2; exit 2; }
docker save --output "$work/image.tar" "$image"
chmod 0755 "$work" && chmod 0644 "$work/image.tar"
mkdir -m 0777 "$work/cache"

look 'vulnerabilities, secrets and mistakes in the image (Trivy)' \
  -v "$work/image.tar:/image.tar:ro" -v "$work/cache:/cache" -v "$root/deploy/ci:/ci:ro" \
  "$trivy" image --config /ci/trivy.yaml --cache-dir /cache --input /image.tar
look 'mistakes in Dockerfile, Compose and Kubernetes files (Trivy)' \
  -v "$root/deploy:/deploy:ro" -v "$work/cache:/cache" -v "$root/deploy/ci:/ci:ro" \
  "$trivy" config --config /ci/trivy.yaml --cache-dir /cache /deploy
# TruffleHog has a number of its own for what it found.
status=0
echo '== secrets in every layer of the image (TruffleHog)'
docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp:mode=1777 \
  -v "$work/image.tar:/image.tar:ro" \
  "$trufflehog" docker --image file:///image.tar --results=verified,unknown --fail --no-update || status=$?
case $status in
  0) ;;
  183) found=1 ;;
  *) echo "scan-image.sh: TruffleHog could not look ($status)" >&2; exit 2 ;;
esac

base=$(sed -n 's/^ARG NODE_IMAGE=//p' "$root/deploy/Dockerfile")
digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$base" 2>/dev/null | head -n 1 || true)
[[ -z $digest ]] || echo "The base by its content: --build-arg NODE_IMAGE=$base@${digest##*@}"
exit "$found"
