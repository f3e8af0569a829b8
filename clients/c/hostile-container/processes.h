/* Senders that are stopped, traced, killed, or gone and followed by another of the same number. */

#include <sys/ptrace.h>

/* Calls that the supervisor answers, without end. */
static void call_for_ever(void)
{
    for (;;) {
        int fd = audit(), value;
        struct sockaddr_nl name = {.nl_family = AF_NETLINK};
        socklen_t size = sizeof name, value_size = sizeof value;
        if (fd < 0)
            continue;
        bind(fd, (struct sockaddr *)&name, sizeof name);
        getsockname(fd, (struct sockaddr *)&name, &size);
        getsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &value, &value_size);
        if (chance(4) == 0)
            told_truth(fd);
        close(fd);
    }
}

static pid_t victim(void)
{
    uint64_t seed = chance_state + chance(1000000);
    pid_t child = fork();
    if (child == 0) {
        chance_state = seed | 1;
        call_for_ever();
    }
    return child;
}

static void tracing_one(int number)
{
    pid_t child = victim();
    (void)number;
    while (child > 0 && goes_on()) {
        int status;
        usleep(chance(3000));
        if (chance(2)) {
            kill(child, SIGSTOP);
            usleep(chance(20000));
            count(kill(child, SIGCONT) == 0);
            continue;
        }
        if (ptrace(PTRACE_SEIZE, child, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0) {
            count(false);
            continue;
        }
        ptrace(PTRACE_INTERRUPT, child, NULL, NULL);
        for (int step = (int)chance(12); step >= 0; step--) {
            if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
                break;
            usleep(chance(500));
            if (step == 0)
                count(ptrace(PTRACE_DETACH, child, NULL, NULL) == 0);
            else
                ptrace(PTRACE_SYSCALL, child, NULL, NULL);
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void tracing(void)
{
    crowd(12, tracing_one);
}

static void killing_one(int number)
{
    int fd = audit();
    (void)number;
    while (goes_on()) {
        pid_t child = victim();
        usleep(chance(3000));
        told_truth(fd);
        count(child > 0 && kill(child, SIGKILL) == 0);
        waitpid(child, NULL, 0);
    }
}

static void killing(void)
{
    crowd(16, killing_one);
}

/* Lets the next process have that number. */
static bool next_pid(pid_t pid)
{
    char text[16];
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    int size = snprintf(text, sizeof text, "%d", pid - 1);
    bool well = fd >= 0 && write(fd, text, (size_t)size) == size;
    close(fd);
    return well;
}

/* Processes with one number and different users, each gone as soon as it has sent. */
static void reuse(void)
{
    enum { NUMBER = 5000, USERS = 40 };
    int inherited = audit();
    for (unsigned round = 0; goes_on(); round++) {
        must(next_pid(NUMBER), "ns_last_pid");
        pid_t child = fork();
        if (child == 0) {
            char text[256];
            if (setreuid(1000 + round % USERS, (uid_t)-1) != 0)
                _exit(1);
            int fd = round % 2 ? inherited : audit();
            size_t size = truth(text, sizeof text, 0);
            if (round % 3 == 0)
                _exit(asked(fd, AUDIT_USER, text, size) != 0);
            _exit(tell(fd, AUDIT_USER, 0, 1, text, size) != 0);
        }
        int status;
        must(waitpid(child, &status, 0) == child, "waitpid");
        count(child == NUMBER && status == 0);
    }
}
