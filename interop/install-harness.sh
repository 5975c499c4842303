#!/bin/sh
# Installs lm-evaluation-harness from PyPI for the tests of this folder into .cache/harness-VERSION, a virtual
# environment over the Python that MOREAU_PYTHON names, whose torch and transformers it uses. Does nothing where
# that Python has the harness, or has not these two, or the second time.
set -eu
version=0.4.13
cd "$(dirname "$0")"
python=${MOREAU_PYTHON:-python3}
has() { "$python" -c 'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))' "$@" 2>/dev/null; }
dir=.cache/harness-$version
if [ -e "$dir/bin/lm_eval" ] || has lm_eval; then exit 0; fi
if ! has torch transformers; then
    echo "SKIPPED: lm-evaluation-harness: $python has no torch and transformers; MOREAU_PYTHON names one that has"
    exit 0
fi
rm -rf "$dir"
"$python" -m venv "$dir"
# What the Python has besides is seen by this environment too, and by pip, which leaves it as it is.
for site in "$dir"/lib/python*/site-packages; do
    "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/base.pth"
done
if ! "$dir/bin/python" -m pip install --quiet --disable-pip-version-check "lm-eval==$version"; then
    rm -rf "$dir"
    echo "SKIPPED: lm-evaluation-harness: pip could not install it"
fi
