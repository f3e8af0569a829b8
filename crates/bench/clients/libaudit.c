/*
 * A program that logs with libaudit: libaudit COUNT.
 *
 * It says that it is ready, waits for a line, logs COUNT messages, and prints as JSON what that took. It ends when its
 * standard input does. The function is declared here, so that the library's development package is not needed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int audit_open(void);
int audit_log_user_message(int fd, int type, const char *message, const char *hostname, const char *addr,
                           const char *tty, int result);

#define AUDIT_USER_LOGIN 1112

static double seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 0;
    int fd = audit_open();
    if (fd < 0) {
        perror("audit_open");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        return 1;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), start = seconds(CLOCK_MONOTONIC);
    for (int number = 0; number < count; number++) {
        if (audit_log_user_message(fd, AUDIT_USER_LOGIN, "op=login id=1000", "192.0.2.7", "192.0.2.7", "/dev/pts/0", 1) <= 0) {
            perror("audit_log_user_message");
            return 1;
        }
    }
    double end = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"descriptor\":%d,\"messages\":%d,\"seconds\":%.9f,\"cpu_seconds\":%.9f,\"latency\":null}\n", fd, count,
           end - start, cpu);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
