/* What hostile programs need: sockets, messages, a crowd of processes, and chance that a seed repeats. */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BODY_MAX = 16384, PATIENCE_MS = 20000 };

/* Ends the program when a step failed; errno tells why. */
static inline void must(bool well, const char *step)
{
    if (!well) {
        fprintf(stderr, "%s: %s\n", step, strerror(errno));
        exit(1);
    }
}

static inline long now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000L + time.tv_nsec / 1000;
}

static inline int audit(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
}

/* Sends one message. Returns 0, or the negative error. */
static inline int tell(int fd, uint16_t type, uint16_t flags, uint32_t sequence, const void *body, size_t length)
{
    struct {
        struct nlmsghdr header;
        char body[BODY_MAX];
    } message = {.header = {(uint32_t)NLMSG_LENGTH(length), type, NLM_F_REQUEST | flags, sequence, 0}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    memcpy(message.body, body, length);
    ssize_t sent = sendto(fd, &message, NLMSG_ALIGN(message.header.nlmsg_len), MSG_NOSIGNAL, (struct sockaddr *)&kernel,
                          sizeof kernel);
    return sent < 0 ? -errno : 0;
}

/* Sends one message and waits for its acknowledgement, past everything else. Returns 0, or the negative error. */
static inline int asked(int fd, uint16_t type, const void *body, size_t length)
{
    /* On a socket of several processes, also of ones that are gone by now, answers of others come as well. */
    static _Thread_local uint32_t sequence;
    sequence = sequence % 4096 + 1;
    uint32_t mine = (uint32_t)gettid() << 12 | (sequence & 4095);
    int error = tell(fd, type, NLM_F_ACK, mine, body, length);
    if (error)
        return error;
    for (;;) {
        struct {
            struct nlmsghdr header;
            struct nlmsgerr error;
            char rest[BODY_MAX];
        } answer;
        struct pollfd wait = {fd, POLLIN, 0};
        int ready = poll(&wait, 1, PATIENCE_MS);
        if (ready <= 0)
            return ready == 0 ? -ETIMEDOUT : -errno;
        ssize_t got = recv(fd, &answer, sizeof answer, 0);
        if (got <= 0)
            return got == 0 ? -ECONNRESET : -errno;
        if (answer.header.nlmsg_type == NLMSG_ERROR && answer.header.nlmsg_seq == mine)
            return answer.error.error;
    }
}

/* What came about, of all processes; and of namespaces that they made, how many were asked for and acknowledged. */
struct counts {
    atomic_long done, refused;
    atomic_uint asked_for, made;
};

static struct counts *counts;
static const char *attack;
static long end_us;

/* When half of what is left of the time is over. */
static inline long half_time(void)
{
    return end_us - (end_us - now_us()) / 2;
}

static inline bool goes_on(void)
{
    return now_us() < end_us;
}

static inline void count(bool well)
{
    atomic_fetch_add(well ? &counts->done : &counts->refused, 1);
}

/* xorshift; each process of a crowd seeds its own. */
static uint64_t chance_state = 1;

static inline uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 16) % below;
}

/* In which namespace this process is, by a word that no other one of the container has. */
enum { WORD = 64 };
static char where[WORD] = "outer";

/* A user message that says truly who sends it, padded to a length. */
static inline size_t truth(char *text, size_t room, size_t length)
{
    int written = snprintf(text, room, "op=evil mark=evil-%s inner=%d truth=%d where=%s ", attack, getpid(), getuid(), where);
    size_t size = (size_t)written;
    if (size < length && length < room) {
        memset(text + size, 'x', length - size);
        size = length;
    }
    text[size] = 0;
    return size + 1;
}

static inline int told_truth(int fd)
{
    char text[256];
    size_t size = truth(text, sizeof text, 0);
    return asked(fd, AUDIT_USER, text, size);
}

/* How many processes attack. */
static int crowd_size = 1;

/* Who waits for something at the end waits no longer. */
static inline void end_in_time(void)
{
    long rest = (end_us - now_us()) / 1000000;
    alarm(rest > 0 ? (unsigned)rest + 2 : 2);
}

/* Runs `work` in that many processes and waits for all, and for those that they leave behind. None may fail. */
static inline void crowd(int processes, void (*work)(int))
{
    uint64_t seed = chance_state;
    crowd_size = processes;
    for (int number = 0; number < processes; number++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            end_in_time();
            chance_state = seed * 0x9e3779b97f4a7c15u + (uint64_t)number * 0xd1342543de82ef95u + 1;
            work(number);
            _exit(0);
        }
    }
    for (int status; wait(&status) > 0;)
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
            exit(1);
}
