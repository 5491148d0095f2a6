/*
 * libinih counts no lines for its handler and cuts long ones in two without a word, so lines are
 * handed to it by a reader of ours that does the first and refuses the second. Its globals are
 * set here, once per file: continuation lines (it would set a key again with the second line) off.
 */
#include "daemon/config_file.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

struct reading {
    const char *path;
    FILE *file;
    unsigned line;
    struct options *options;
    struct fault *fault;
    int error;
    uint64_t before; /* options->given before this file */
};

static int refuse(struct reading *reading, int error)
{
    reading->error = fault_prefix(reading->fault, error, "%s:%u", reading->path, reading->line);
    return reading->error;
}

/* One line per call, as fgets(); NULL at the end and after a fault. */
static char *read_line(char *text, int bytes, void *stream)
{
    struct reading *reading = stream;
    if (reading->error || !fgets(text, bytes, reading->file))
        return NULL;
    reading->line++;
    if (!strchr(text, '\n') && !feof(reading->file)) {
        fault_set(reading->fault, -EINVAL, "the line is longer than %d bytes", bytes - 2);
        refuse(reading, -EINVAL);
        return NULL;
    }
    return text;
}

static int take_key(void *user, const char *section, const char *key, const char *value)
{
    struct reading *reading = user;
    if (reading->error)
        return 0;
    const struct option *option = option_find(key);
    bool repeated =
        option && option->type != OPTION_LIST && options_was_given(reading->options, key);
    int error;
    if (repeated)
        error = fault_set(reading->fault, -EINVAL, "%s: given a second time", key);
    else
        error = options_set(reading->options, key, value, reading->fault);
    if (error)
        refuse(reading, error);
    return error == 0;
}

static void set_up_library(void)
{
    ini_use_stack = false; /* the stack's buffer is fixed at 200 bytes */
    ini_initial_alloc = CONFIG_LINE_BYTES;
    ini_max_line = CONFIG_LINE_BYTES;
    ini_allow_multiline = false;
    ini_allow_no_value = true;
    ini_stop_on_first_error = true;
}

int config_file_read(const char *path, struct options *options, struct fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    struct reading reading = {.path = path, .file = file, .options = options, .fault = fault};
    set_up_library();
    int result = ini_parse_stream(read_line, &reading, take_key, &reading);
    if (!reading.error && ferror(file))
        reading.error = fault_set(fault, -EIO, "%s: cannot be read: %s", path, strerror(errno));
    if (!reading.error && result != 0) {
        reading.line = result > 0 ? (unsigned)result : reading.line;
        fault_set(fault, -EINVAL, "not understood; write KEY = VALUE");
        refuse(&reading, -EINVAL);
    }
    fclose(file);
    return reading.error;
}
