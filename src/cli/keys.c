#include "cli/keys.h"

#include <errno.h>
#include <string.h>

#include "daemon/config_file.h"
#include "daemon/run_dir.h"
#include "daemon/values.h"

int keys_take(const struct arguments *arguments, struct options *options, struct fault *fault)
{
    for (unsigned i = 0; i < arguments->option_count; i++) {
        const char *name = arguments->options[i].option->name;
        bool has_value = arguments->options[i].option->value != NULL;
        const char *value = has_value ? arguments->options[i].value : NULL;
        int error = 0;
        if (strcmp(name, "o") == 0)
            error = options_set_list(options, value, fault);
        else if (option_find(name))
            error = options_set(options, name, value, fault);
        if (error)
            return error;
    }
    return 0;
}

/* The name of the file, without folder and ".conf", is the daemon's. */
static int take_name_of_file(const char *path, struct options *options, struct fault *fault)
{
    char name[OPTION_TEXT_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, slash ? slash + 1 : path);
    size_t bytes = strlen(name);
    if (bytes > 5 && strcmp(name + bytes - 5, ".conf") == 0)
        name[bytes - 5] = '\0';
    return options_was_given(options, "name") ? 0 : options_set(options, "name", name, fault);
}

static int read_path(const char *path, struct options *options, struct fault *fault)
{
    int error = config_file_read(path, options, fault);
    return error ? error : take_name_of_file(path, options, fault);
}

int keys_from_name(const char *name, struct options *options, struct fault *fault)
{
    char path[OPTION_PATH_BYTES];
    options_init(options);
    int error = options_check_name(name, fault);
    if (error)
        return error;
    snprintf(path, sizeof path, CONFIG_DIR "/%s.conf", name);
    error = read_path(path, options, fault);
    if (error != -ENOENT)
        return error;
    snprintf(path, sizeof path, RUN_DIR_BASE "/%s.conf", name);
    error = read_path(path, options, fault);
    if (error == -ENOENT)
        fault_set(fault, error, "'%.64s' is no URL, and " CONFIG_DIR "/%.64s.conf does not exist",
                  name, name);
    return error;
}

int keys_from_operand(const struct arguments *arguments, const char *operand,
                      struct options *options, struct fault *fault)
{
    int error;
    options_init(options);
    if (url_is_url(operand))
        error = options_set(options, "url", operand, fault);
    else if (strchr(operand, '/'))
        error = read_path(operand, options, fault);
    else
        error = keys_from_name(operand, options, fault);
    return error ? error : keys_take(arguments, options, fault);
}

int keys_timeout(const struct arguments *arguments, uint64_t default_ms, uint64_t *ret_ms,
                 struct fault *fault)
{
    const char *text = arguments_get(arguments, "timeout");
    *ret_ms = default_ms;
    int error = text ? value_duration(text, ret_ms, fault) : 0;
    return error ? fault_prefix(fault, error, "--timeout") : 0;
}
