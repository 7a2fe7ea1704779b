#!/bin/bash
# The dashboard in Debian's chromium: builds the service, starts it on a free port with a temporary data folder, and uses it as a
# person would. Selenium, axe-core and scikit-learn come from PyPI into a virtual environment in BROWSER_TOOLS (by default
# ~/.cache/byol-browser). Arguments go to Tests/browser/run.py, such as --only WORDS or --screenshots docs/images.
set -euo pipefail
cd "$(dirname "$0")/.."
Scripts/packages.sh packages-browser.txt
tools=${BROWSER_TOOLS:-$HOME/.cache/byol-browser}
packages=(selenium==4.51.0 pillow==13.0.0 numpy==2.4.6 scikit-learn==1.9.1)
# axe-core lies in packages that bind it to one driver or another; the file alone is taken.
carrier=axe-playwright-python==0.1.8
if [ "$(cat "$tools/complete" 2>/dev/null)" != "${packages[*]} $carrier" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps "$carrier"
  echo "${packages[*]} $carrier" > "$tools/complete"
fi
service=${SERVICE:-}
if [ -z "$service" ]; then
  swift build --product byol
  service=$(swift build --show-bin-path)/byol
fi
# scikit-learn, the judge, must not spin on the processors that the browser computes on.
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 exec "$tools/bin/python" -B Tests/browser/run.py --service "$service" "$@"
