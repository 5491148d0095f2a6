#include "tests/sim/script.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void script_record_op(struct script *script, const struct script_op *op)
{
    if (script && !script->replays && script->op_count < SCRIPT_OPS)
        script->ops[script->op_count++] = *op;
}

void script_record_fault(struct script *script, const struct script_fault *fault)
{
    if (script && !script->replays && script->fault_count < SCRIPT_FAULTS)
        script->faults[script->fault_count++] = *fault;
}

const struct script_op *script_next(const struct script *script, uint32_t slot, uint32_t from,
                                    uint32_t *ret_index)
{
    for (uint32_t i = from; i < script->op_count; i++) {
        if (script->ops[i].slot != slot)
            continue;
        *ret_index = i;
        return &script->ops[i];
    }
    return NULL;
}

int script_write(const struct script *script, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -errno;
    fprintf(file, "seed %" PRIu64 "\n", script->seed);
    options_print_lines(&script->options, file);
    for (uint32_t i = 0; i < script->op_count; i++) {
        const struct script_op *op = &script->ops[i];
        fprintf(file, "op %" PRIu64 " %u %u %u %u %u %u\n", op->at_us, op->slot, op->op, op->flags,
                op->first, op->count, op->at_once);
    }
    for (uint32_t i = 0; i < script->fault_count; i++)
        fprintf(file, "fault %" PRIu64 " %u %" PRIu64 "\n", script->faults[i].at_us,
                script->faults[i].kind, script->faults[i].draw);
    return fclose(file) == 0 ? 0 : -EIO;
}

static bool take_line(struct script *script, const char *line)
{
    struct script_op op;
    struct script_fault fault;
    char setting[80], why[OPTION_WHY_BYTES];
    if (sscanf(line, "seed %" SCNu64, &script->seed) == 1)
        return true;
    if (sscanf(line, "set %79s", setting) == 1)
        return options_set(&script->options, setting, why) == 0;
    if (sscanf(line, "op %" SCNu64 " %u %u %u %u %u %u", &op.at_us, &op.slot, &op.op, &op.flags,
               &op.first, &op.count, &op.at_once) == 7 &&
        script->op_count < SCRIPT_OPS) {
        script->ops[script->op_count++] = op;
        return true;
    }
    if (sscanf(line, "fault %" SCNu64 " %u %" SCNu64, &fault.at_us, &fault.kind, &fault.draw) ==
            3 &&
        script->fault_count < SCRIPT_FAULTS) {
        script->faults[script->fault_count++] = fault;
        return true;
    }
    return line[0] == '#' || line[0] == '\n';
}

int script_read(struct script *script, const char *path)
{
    char line[160];
    FILE *file = fopen(path, "r");
    if (!file)
        return -errno;
    memset(script, 0, sizeof *script);
    script->replays = true;
    bool good = true;
    while (good && fgets(line, sizeof line, file))
        good = take_line(script, line);
    fclose(file);
    return good ? 0 : -EINVAL;
}
