#include "daemon/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fault_set(struct fault *fault, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    return error;
}

int fault_prefix(struct fault *fault, int error, const char *format, ...)
{
    char where[FAULT_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, sizeof where, format, arguments);
    va_end(arguments);

    char reason[FAULT_BYTES];
    memcpy(reason, fault->text, sizeof reason);
    size_t used = (size_t)snprintf(fault->text, sizeof fault->text, "%s: ", where);
    snprintf(fault->text + used, sizeof fault->text - used, "%s", reason);
    return error;
}
