#!/bin/sh
# initqueue/timeout hook, sourced just before dracut gives up: what was missing.
if [ -e /run/holdfast/started ]; then
    warn "holdfast: there is no disk yet; $(tail -qn 1 /run/holdfast/*.log 2>/dev/null)"
    warn "holdfast: 'holdfast status' tells what is waited for; 'holdfast boot', then 'exit' continue"
elif [ -e /run/holdfast/boot.out ]; then
    while read -r hf_line; do
        warn "$hf_line"
    done </run/holdfast/boot.out
fi
