#!/bin/sh
# shutdown hook, sourced in the initramfs that dracut returned to: root is unmounted, /run has moved
# to /oldsys/run, the daemons live. Bring what they hold to the target, take the disk from the kernel,
# end them. Bounded: a target that is away must not keep the machine from going down; what it did
# not get stays in the journal, where there is one.
for hf_socket in /oldsys/run/holdfast/*/control /run/holdfast/*/control; do
    [ -S "$hf_socket" ] || continue
    hf_dir=${hf_socket%/control}
    hf_name=${hf_dir##*/}
    hf_base=${hf_dir%/*}
    echo "holdfast: last flush of $hf_name"
    holdfast flush "$hf_name" --run-dir "$hf_base" --timeout 20s </dev/null ||
        echo "holdfast: $hf_name could not be flushed"
    holdfast stop "$hf_name" --run-dir "$hf_base" --timeout 20s </dev/null ||
        echo "holdfast: $hf_name does not end"
done
