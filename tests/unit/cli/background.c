/* /proc/self/exe is this program: called as a daemon, it tells how. */
#include "cli/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log_file.h"
#include "tests/unit/unit.h"

#define STATUS 3

static char log_path[] = "/tmp/holdfast-background-XXXXXX";

static int tell(char **words)
{
    char folder[64] = "";
    bool is_alone = getsid(0) == getpid() && fcntl(STDERR_FILENO + 1, F_GETFD) < 0;
    bool is_quiet = getchar() == EOF && puts("nobody reads this") >= 0 && fflush(stdout) == 0;
    fprintf(stderr, "%s serves %s in %s%s%s\n", words[0], words[2], getcwd(folder, sizeof folder),
            is_alone ? ", alone" : "", is_quiet ? ", quiet" : "");
    return STATUS;
}

static int make(void **state)
{
    strcpy(strrchr(log_path, '-'), "-XXXXXX");
    return close(mkstemp(log_path));
}

static int clear(void **state)
{
    return unlink(log_path);
}

static void a_daemon_has_a_session_and_a_log_of_its_own(void **state)
{
    const struct background daemon = {"@called", "root", "/proc", log_path};
    struct fault fault;
    pid_t pid;
    char line[128];
    int status;
    int open_fd = dup(STDERR_FILENO); /* not for the daemon */
    assert_int_equal(background_start(&daemon, &pid, &fault), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(open_fd);
    log_file_last_line(log_path, line, sizeof line);
    assert_string_equal(line, "@called serves root in /proc, alone, quiet");
    assert_int_equal(WEXITSTATUS(status), STATUS);
}

static void a_log_that_cannot_be_made_is_named(void **state)
{
    const struct background daemon = {"holdfast", "root", "/", "/nonexistent/root.log"};
    struct fault fault;
    pid_t pid;
    assert_int_equal(background_start(&daemon, &pid, &fault), -ENOENT);
    assert_string_equal(fault.text, "/nonexistent/root.log: No such file or directory");
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_daemon_has_a_session_and_a_log_of_its_own, make, clear),
        cmocka_unit_test(a_log_that_cannot_be_made_is_named),
    };
    if (count == 3 && strcmp(words[1], "serve") == 0)
        return tell(words);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
