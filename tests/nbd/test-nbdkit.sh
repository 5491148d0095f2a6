#!/bin/bash
# nbdkit's nbd plugin as the client, with another client behind it.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdkit nbdcopy nbdinfo
nbdkit nbd --version >/dev/null 2>&1 || { echo "needs nbdkit's nbd plugin"; exit 77; }

head -c $((16 * 1024 * 1024)) /dev/urandom >"$scratch/in"
start_server --size $((16 * 1024 * 1024))
for shared in false true; do
    # shellcheck disable=SC2016
    nbdkit -U - nbd socket="$socket" shared=$shared --run "
        nbdcopy '$scratch/in' \"\$uri\" && nbdcopy \"\$uri\" '$scratch/out'" ||
        fail "nbdkit shared=$shared"
    cmp "$scratch/in" "$scratch/out" || fail "not the same, shared=$shared"
done
stop_server
