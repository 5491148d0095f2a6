#!/bin/bash
# smoke.sh FUZZER SEEDS [SECONDS]: a short run from the seeds; a crash leaves its input behind.
# SEEDS: a Python script that takes a folder, or a program that takes --seeds FOLDER.
set -euo pipefail

fuzzer=$1 seeds=$2 seconds=${3:-20}
scratch=$(mktemp -d /tmp/holdfast-fuzz-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
case $seeds in
*.py) /usr/bin/python3 "$seeds" "$scratch/seeds" ;;
*) "$seeds" --seeds "$scratch/seeds" ;;
esac
mkdir "$scratch/corpus"
"$fuzzer" -max_total_time="$seconds" -max_len=2000000 -timeout=20 -rss_limit_mb=1024 \
    -artifact_prefix="${FUZZ_ARTIFACTS:-/tmp/}" -print_final_stats=1 \
    "$scratch/corpus" "$scratch/seeds" 2>&1 | tail -40
