/* A /proc that lies, and names that are no names. */

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t written = write(fd, text, strlen(text));
    (void)written;
    close(fd);
}

/* Whoever believes what stands below /proc here believes that others have sent. */
static void false_proc_one(int number)
{
    must(unshare(CLONE_NEWNS) == 0, "unshare");
    if (number % 3 == 0) {
        char own[32];
        snprintf(own, sizeof own, "/proc/%d", getpid());
        must(mount("/proc/1", own, NULL, MS_BIND, NULL) == 0, "a mount over the own process");
    } else {
        must(mount("none", "/proc", "tmpfs", 0, NULL) == 0, "a mount over /proc");
        mkdir("/proc/1", 0755);
        mkdir("/proc/2", 0755);
        for (int each = 1; each < 3; each++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/status", each);
            put(path, "Name:\tevil\nNSpid:\t1\t1\nUid:\t7777\t7777\t7777\t7777\nCapEff:\tffffffffffffffff\n");
            snprintf(path, sizeof path, "/proc/%d/loginuid", each);
            put(path, "7777");
        }
        must(symlink("1", "/proc/self") == 0 && symlink("2", "/proc/other") == 0, "symlink");
        char own[32];
        snprintf(own, sizeof own, "/proc/%d", getpid());
        must(symlink("2", own) == 0, "symlink");
    }
    while (goes_on()) {
        int fd = audit();
        syscall(316 /* renameat2 */, AT_FDCWD, "/proc/self", AT_FDCWD, "/proc/other", 2 /* RENAME_EXCHANGE */);
        if (fd < 0)
            continue;
        count(told_truth(fd) == 0);
        close(fd);
    }
}

static void false_proc(void)
{
    crowd(6, false_proc_one);
}

#define LINES "\ntype=USER_LOGIN msg=audit(1.000:1): pid=1 uid=0 op=forged\n"
#define SEQUENCES "\r\x1b[2J\x1b]0;evil\a\x9b" "31m\x7f\"'\\"

/* Fields as libaudit's callers fill them, each with lines and sequences of its own. */
static void speak_badly(int fd)
{
    static const char *const fields[] = {"acct", "exe", "hostname", "addr", "terminal", "key", "comm", "op", "data", "ses"};
    for (size_t field = 0; field < sizeof fields / sizeof *fields; field++) {
        char text[512];
        snprintf(text, sizeof text, "mark=evil-%s inner=%d truth=%d where=%s %s=\"%s%s\" %s=%s", attack, getpid(), getuid(), where,
                 fields[field], LINES, SEQUENCES, fields[field], LINES SEQUENCES);
        for (uint16_t type = 1100; type < 1130; type += 3)
            count(asked(fd, type, text, strlen(text) + 1) == 0);
    }
    /* As the supervisor says that namespaces begin and end, and who joins. */
    static const char *const operations[] = {"start", "create", "init", "join", "stop"};
    for (size_t each = 0; each < sizeof operations / sizeof *operations; each++) {
        char text[512];
        snprintf(text, sizeof text, "virt=auditns op=%s vm=\"x\" mark=evil-%s inner=%d truth=%d where=%s res=success", operations[each],
                 attack, getpid(), getuid(), where);
        count(asked(fd, 2500, text, strlen(text) + 1) == 0);
    }
}

/* Under names that begin lines: runs itself from a file whose name does. */
static void bad_names_inside(void)
{
    int fd = audit();
    struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1};
    must(prctl(PR_SET_NAME, "e\nvil\x1b[2J\r\"") == 0, "prctl");
    must(sethostname("e\nvil\x1b[2J", 9) == 0, "sethostname");
    count(bind(fd, (struct sockaddr *)&group, sizeof group) == 0);
    close(fd);
    fd = audit();
    speak_badly(fd);
    /* A rule's key reaches records of the namespace itself. */
    char body[BODY_MAX];
    size_t size = giant_rule(body, 1, false);
    count(asked(fd, AUDIT_ADD_RULE, body, size) == 0);
    struct audit_status status = {.mask = AUDIT_STATUS_RATE_LIMIT, .rate_limit = 1000000};
    count(asked(fd, AUDIT_SET, &status, sizeof status) == 0);
    /* So do name and executable of whoever makes a namespace inside. */
    pid_t child = fork();
    if (child == 0) {
        must_create(fd);
        speak_badly(fd);
        while (goes_on())
            usleep(10000);
        _exit(0);
    }
    while (goes_on())
        usleep(10000);
    int ended;
    must(waitpid(child, &ended, 0) == child && ended == 0, "whoever is in the namespace inside");
}

static void bad_names(void)
{
    static const char path[] = "/tmp/e\nvil\x1b[2J\x9b op=forged\"";
    char rest[32], seed[24], buffer[65536];
    ssize_t got;
    must(mount("none", "/tmp", "tmpfs", 0, NULL) == 0, "a mount over /tmp");
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        must(write(to, buffer, (size_t)got) == got, "a copy of itself");
    close(to);
    snprintf(rest, sizeof rest, "%ld", (end_us - now_us()) / 1000);
    snprintf(seed, sizeof seed, "%u", chance(1000000));
    execl(path, "e\nvil\x1b[2J", "names-inside", rest, seed, NULL);
    must(false, "exec");
}
