/* Other programs: mount(8), systemctl(1) ..., run and waited for. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Runs words[0] (looked for in PATH) with our standard streams and waits for its end. words ends
 * with NULL. *ret_status is its exit status; 128 + N when signal N killed it, as shells say it.
 * -errno when it could not be started (-ENOENT: there is no such program).
 */
int program_run(const char *const words[], int *ret_status);

/* The same, quietly: nothing is read from us, the errors are dropped, and the beginning of what it
 * prints is in ret_output, terminated, without the last line's end. */
int program_read(const char *const words[], char *ret_output, size_t output_bytes, int *ret_status);

#endif
