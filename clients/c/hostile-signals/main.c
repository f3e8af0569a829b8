/* Calls on an audit socket below a storm of signals, and signals to a thread that waits in one. */

#include "transcript.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

enum { STORM_US = 200, STORM_MS = 350, WAIT_US = 150000, LATE_MS = 20000 };

static volatile sig_atomic_t handled;
/* What a child sees of it, and tells. */
static struct shared {
    atomic_bool is_handled, came_first;
} *shared;

static long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void handler(int number)
{
    (void)number;
    handled++;
    atomic_store(&shared->is_handled, true);
}

static void on_alarm(bool restart)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    must(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
    handled = 0;
    atomic_store(&shared->is_handled, false);
    atomic_store(&shared->came_first, false);
}

static void alarms(long first_us, long then_us)
{
    struct itimerval timer = {.it_value = {0, first_us}, .it_interval = {0, then_us}};
    must(setitimer(ITIMER_REAL, &timer, NULL) == 0, "setitimer");
}

static int audit(void)
{
    int fd;
    do
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    while (fd < 0 && errno == EINTR);
    must(fd >= 0, "socket");
    return fd;
}

/* The message is refused at once, whatever runs meanwhile: an answer of a known number. */
static void ask(int fd, unsigned number)
{
    struct nlmsghdr request = {sizeof request, 1099, NLM_F_REQUEST, number, 0};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    do
        sent = sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (sent < 0 && errno == EINTR);
    must(sent == sizeof request, "sendto");
}

struct received {
    struct sockaddr_nl from;
    socklen_t from_size;
    struct ucred credentials;
    bool has_credentials;
    unsigned number;
};

static ssize_t receive(int fd, bool control, struct received *seen)
{
    struct {
        struct nlmsghdr header;
        char rest[100];
    } answer;
    ssize_t got;
    memset(seen, 0xee, sizeof *seen);
    seen->from_size = sizeof seen->from;
    seen->has_credentials = false;
    if (!control) {
        got = recvfrom(fd, &answer, sizeof answer, 0, (struct sockaddr *)&seen->from, &seen->from_size);
    } else {
        char buffer[CMSG_SPACE(sizeof(struct ucred))];
        struct iovec part = {&answer, sizeof answer};
        struct msghdr message = {&seen->from, sizeof seen->from, &part, 1, buffer, sizeof buffer, 0};
        got = recvmsg(fd, &message, 0);
        seen->from_size = message.msg_namelen;
        struct cmsghdr *first = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
        if (first && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_CREDENTIALS) {
            seen->has_credentials = true;
            memcpy(&seen->credentials, CMSG_DATA(first), sizeof seen->credentials);
        }
    }
    if (got >= 0)
        seen->number = answer.header.nlmsg_seq;
    return got;
}

/* What a received datagram must look like: from the kernel, with its credentials. */
static const char *fault(const struct received *seen, bool control)
{
    if (seen->from_size != sizeof seen->from || seen->from.nl_family != AF_NETLINK || seen->from.nl_pid != 0)
        return "a wrong address";
    if (control && !seen->has_credentials)
        return "no credentials";
    if (control && (seen->credentials.pid || seen->credentials.uid || seen->credentials.gid))
        return "wrong credentials";
    return NULL;
}

enum what { BIND, NAME, GET, SET, OPEN, KINDS };
static const char *const names[KINDS] = {"bind", "getsockname", "getsockopt", "setsockopt", "socket"};

static int make(enum what what, int fd)
{
    /* Binding again is allowed to the same port. */
    static struct sockaddr_nl name;
    socklen_t size = sizeof name;
    int value = 1;
    socklen_t value_size = sizeof value;
    switch (what) {
    case BIND: return bind(fd, (struct sockaddr *)&name, sizeof name);
    case NAME: return getsockname(fd, (struct sockaddr *)&name, &size);
    case GET: return getsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &value, &value_size);
    case SET: return setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &value, sizeof value);
    default: {
        int opened = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
        return opened < 0 ? -1 : close(opened);
    }
    }
}

/* Only what answers at once, thousands of times. */
static void storm(enum what what, bool restart)
{
    int fd = audit();
    long end = now_us() + STORM_MS * 1000, done = 0;
    int other = 0;
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    must(bind(fd, (struct sockaddr *)&any, sizeof any) == 0, "bind");
    must(make(NAME, fd) == 0, "getsockname");
    on_alarm(restart);
    alarms(STORM_US, STORM_US);
    /* On a busy machine it takes longer until there were as many. */
    for (long last = end + 5000000; now_us() < end || ((done <= 100 || handled <= 100) && now_us() < last);) {
        if (make(what, fd) == 0)
            done++;
        else if (errno != EINTR || restart)
            other = errno;
    }
    alarms(0, 0);
    close(fd);
    printf("%s, %s: %s, %s, %s\n", names[what], restart ? "restarted" : "interrupted", done > 100 ? "done" : "starved",
           handled > 100 ? "signals handled" : "signals held up", other ? strerror(other) : "nothing else");
}

struct asker {
    int fd;
    unsigned count;
};

static void *ask_slowly(void *argument)
{
    struct asker *asker = argument;
    for (unsigned number = 1; number <= asker->count; number++) {
        ask(asker->fd, number);
        usleep(number % 8 ? 100 : 9900 + number % 512);
    }
    return NULL;
}

/* Another thread asks; every answer must come once, in order, and look right. */
static void receiving_storm(bool control, bool restart, bool timeout)
{
    struct asker asker = {audit(), 600};
    int fd = asker.fd, on = 1, other = 0;
    struct timeval short_time = {0, 5000};
    sigset_t alarm;
    pthread_t thread;
    if (control)
        must(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0, "SO_PASSCRED");
    if (timeout)
        must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time) == 0, "SO_RCVTIMEO");
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    must(pthread_create(&thread, NULL, ask_slowly, &asker) == 0, "pthread_create");
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    on_alarm(restart);
    alarms(STORM_US, STORM_US);
    const char *wrong = NULL;
    unsigned next = 1;
    while (next <= asker.count) {
        struct received seen;
        if (receive(fd, control, &seen) >= 0) {
            if (seen.number != next)
                wrong = "lost or doubled";
            else if (!wrong)
                wrong = fault(&seen, control);
            next++;
        } else if ((errno != EINTR || (restart && !timeout)) && (errno != EAGAIN || !timeout)) {
            other = errno;
            break;
        }
    }
    alarms(0, 0);
    pthread_join(thread, NULL);
    close(fd);
    printf("%s%s, %s: ", control ? "recvmsg with control" : "recvfrom", timeout ? " with a timeout" : "",
           restart ? "restarted" : "interrupted");
    printf("%s, %s, %s\n", wrong ? wrong : "all received", other ? strerror(other) : "nothing else",
           handled > 20 ? "signals handled" : "signals held up");
}

/* One signal to a thread that waits, then a datagram from a child. */
static void waiting(bool control, bool restart)
{
    int fd = audit(), on = 1;
    struct received seen;
    if (control)
        must(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0, "SO_PASSCRED");
    on_alarm(restart);
    pid_t child = fork();
    if (child == 0) {
        /* Only a datagram ends a call that holds signals up. */
        for (int waited = 0; !atomic_load(&shared->is_handled) && waited < LATE_MS; waited++)
            usleep(1000);
        atomic_store(&shared->came_first, !atomic_load(&shared->is_handled));
        usleep(WAIT_US);
        ask(fd, 77);
        _exit(0);
    }
    alarms(WAIT_US, 0);
    ssize_t got = receive(fd, control, &seen);
    const char *how = "received";
    if (got < 0)
        how = errno == EINTR ? "EINTR" : strerror(errno);
    else if (fault(&seen, control))
        how = fault(&seen, control);
    printf("%s, a signal while it waits, %s: %s, %s\n", control ? "recvmsg with control" : "recvfrom",
           restart ? "restarted" : "interrupted", how,
           handled == 1 && !atomic_load(&shared->came_first) ? "handled at once" : "handled late");
    waitpid(child, NULL, 0);
    close(fd);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "mmap");
    for (int restart = 0; restart < 2; restart++) {
        for (enum what what = 0; what < KINDS; what++)
            storm(what, restart);
        for (int control = 0; control < 2; control++) {
            receiving_storm(control, restart, false);
            receiving_storm(control, restart, true);
            waiting(control, restart);
        }
    }
    return 0;
}
