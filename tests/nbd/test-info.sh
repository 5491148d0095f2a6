#!/bin/bash
# nbdinfo finds everything that the server promises, by either name, and nothing under another.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdinfo

start_server --name root --description "the root disk" --size 12345678

for name in "" root; do
    nbdinfo --json "nbd+unix:///$name?socket=$socket" >"$scratch/info.json"
    /usr/bin/python3 - "$scratch/info.json" <<'PYTHON'
import json, sys
info = json.load(open(sys.argv[1]))
export = info["exports"][0]
expected = {
    "export-name": "root", "description": "the root disk", "export-size": 12345678,
    "contexts": ["base:allocation", "holdfast:dirty"], "is_read_only": False,
    "can_cache": True, "can_df": True, "can_fast_zero": True, "can_flush": True, "can_fua": True,
    "can_multi_conn": True, "can_trim": True, "can_zero": True, "is_rotational": False,
    "block_minimum": 1, "block_preferred": 4096, "block_maximum": 33554432,
}
aliases = {"block_minimum": "block_size_minimum", "block_preferred": "block_size_preferred",
           "block_maximum": "block_size_maximum"}
for key, value in expected.items():
    found = export.get(key, export.get(aliases.get(key, key)))
    assert found == value, f"{key}: expected {value!r}, found {found!r}"
assert info["protocol"] == "newstyle-fixed" and info["structured"] is True, info
PYTHON
done

nbdinfo --list "$uri" | grep -q 'export="root":' || fail "not in the list"
nbdinfo "nbd+unix:///other?socket=$socket" 2>/dev/null && fail "an unknown export was found"
stop_server

start_server --read-only --no-trim --no-fast-zero
nbdinfo --is read-only "$uri" || fail "not read-only"
for feature in trim zero fast-zero; do
    nbdinfo --can $feature "$uri" && fail "$feature was promised for a read-only disk"
done
stop_server
