#!/bin/bash
# A start with a ring full of unsent writes, and no target: what it holds is read within seconds,
# and the daemon's memory has its bound.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need fio jq
RING_MIB=$(long 1024 128)
READ_SECONDS=3
# The index of a ring of 1 GiB, the memory for requests and for the journal (holdfast-journal(7)).
MEMORY_KIB=$((192 * 1024))

journal() { hf_status --json | jq -r ".journal.$1"; }
state_is() { [ "$(journal state)" = "$1" ]; }
is_drained() { [ "$(journal entries)" = 0 ]; }

# Small writes: as many records and entries as there can be; with their places as their contents.
fill() {
    spawn fill fio --thread --name=fill --ioengine=nbd --uri="$NBD" --rw=randwrite --bs=4k --iodepth="$1" \
        --size="$((2 * RING_MIB))M" --time_based --runtime=600 --verify=crc32c --do_verify=0 \
        --output="$T/fill.out" 2>/dev/null
    wait_until 300 state_is full || fail "the ring does not fill"
    end fill KILL
}

read_dirty() {
    /usr/bin/python3 - "$NBD" "$1" <<'PYTHON'
import sys
import nbd
h = nbd.NBD()
h.add_meta_context("holdfast:dirty")
h.connect_uri(sys.argv[1])
dirty = []
def extent(context, offset, entries, error):
    for length, flags in zip(entries[::2], entries[1::2]):
        if flags:
            dirty.append((offset, length))
        offset += length
h.block_status(min(h.get_size(), 1 << 30), 0, extent)
for offset, length in dirty[:int(sys.argv[2])]:
    data = h.pread(min(length, 4096), offset)
    assert any(data), "zeros"
print(len(dirty))
PYTHON
}

simple_target "$((2 * RING_MIB))M"
hf_start "$(tgt_url tgt)" -o "journal=$T/ring,journal_size=${RING_MIB}M"
hf_says 60 'target ready' || fail "no target"
wait_until 60 state_is open || fail "no journal"
end tgt KILL
fill 16
say "full: $(hf_status --json | jq -c .journal); $(status_figure hf VmRSS) KiB resident"
end hf KILL

# Three starts, each killed: the machine may have been busy.
best=1000
for _ in 1 2 3; do
    began=$(now)
    hf_spawn "$(tgt_url tgt)" -o "journal=$T/ring"
    wait_until 60 hf_is_ready || fail "holdfast does not start"
    ready=$(since "$began")
    read_dirty 100 >/dev/null || fail "what the ring holds is not read"
    took=$(since "$began")
    say "ready after $ready s, 100 reads after $took s; $(status_figure hf VmRSS) KiB resident"
    less "$took" "$best" && best=$took
    end hf KILL
done
less "$best" "$READ_SECONDS" || fail "the reads take $best s from the start, at most $READ_SECONDS s"

hf_start "$(tgt_url tgt)" -o "journal=$T/ring"
began=$(now)
tgt_start tgt
wait_until 300 is_drained || fail "not drained: $(hf_status --json | jq -c .journal)"
say "drained in $(since "$began") s; $(status_figure hf VmHWM) KiB resident at most"
[ "$(status_figure hf VmHWM)" -lt $MEMORY_KIB ] || fail "the daemon took $(status_figure hf VmHWM) KiB"
end hf TERM
[ "$ENDED" = 0 ] || fail "holdfast ended with $ENDED"
