#include "os/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LIBRARY_PREFIX "LIBISCSI_"
#define NAME_MAX_BYTES 128

static void forget_library_variables(void)
{
    char **variable = environ;
    while (variable != NULL && *variable != NULL) {
        char name[NAME_MAX_BYTES];
        size_t bytes = strcspn(*variable, "=");
        if (strncmp(*variable, LIBRARY_PREFIX, strlen(LIBRARY_PREFIX)) != 0 ||
            bytes >= sizeof name) {
            variable++;
            continue;
        }
        memcpy(name, *variable, bytes);
        name[bytes] = '\0';
        unsetenv(name);
        variable = environ; /* unsetenv() moved the entries */
    }
}

void os_process_init(void)
{
    signal(SIGPIPE, SIG_IGN);
    forget_library_variables();
}

void os_process_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name);
}
