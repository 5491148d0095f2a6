#!/bin/bash
# The target stops answering (SIGSTOP) while its connections stay open.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { kill -STOP "${PID[tgt]}"; }
heal() { kill -CONT "${PID[tgt]}"; }

simple_target
URL=$(tgt_url tgt)
outage 60 15
