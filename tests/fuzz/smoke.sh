#!/bin/bash
# smoke.sh FUZZER SEEDS.py [SECONDS]: a short run from the seeds; a crash leaves its input behind.
set -euo pipefail

fuzzer=$1 seeds=$2 seconds=${3:-20}
scratch=$(mktemp -d /tmp/holdfast-fuzz-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
/usr/bin/python3 "$seeds" "$scratch/seeds"
mkdir "$scratch/corpus"
"$fuzzer" -max_total_time="$seconds" -max_len=2000000 -timeout=20 -rss_limit_mb=1024 \
    -artifact_prefix="${FUZZ_ARTIFACTS:-/tmp/}" -print_final_stats=1 \
    "$scratch/corpus" "$scratch/seeds" 2>&1 | tail -40
