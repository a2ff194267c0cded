#!/bin/bash
# Train by the GPU recipe within a time limit, and resume what an earlier call has begun.
#
#   bash train/recipes/gpu.sh BUNDLE RUN SECONDS [options of `python -m train fit`]
#
# BUNDLE is a file of `python -m train bundle`; its datasets are written to DATA (default: data, beside BUNDLE).
# RUN is the folder that receives the run; copy it back, and bring it again to resume. After SECONDS the state
# is saved and the script ends with status 1; with status 0 the run is complete. RECIPE and PYTHON name another
# recipe and interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
bundle=$(realpath "$1") run=$(realpath -m "$2") seconds=$3
shift 3
data=${DATA:-$(dirname "$bundle")/data}
recipe=$(realpath "${RECIPE:-$here/train/recipes/segformer-b0-gpu.toml}")
python=${PYTHON:-python3}
export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

started=$SECONDS
"$python" -m train unbundle "$bundle" "$data"
mkdir -p "$run"
cd "$(dirname "$data")" # the recipe names its datasets data/NAME
left=$((seconds - (SECONDS - started)))
timeout --signal=USR1 --kill-after=60 "$((left > 1 ? left : 1))" \
    "$python" -m train fit --config "$recipe" --out "$run" --cache "$data/packs" "$@" || exit 1
