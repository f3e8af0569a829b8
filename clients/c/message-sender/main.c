/* Members of a namespace that log without pause, and tell what became of each message.

   message-sender MEMBERS STOP-FILE PAUSE-MICROSECONDS

   Each member numbers its messages from 1 and goes on until the stop file exists. Of eight members, one sends messages
   that ask for no acknowledgement, two check each acknowledgement themselves, two open a new socket for every 50
   messages, and three log as a program that uses libaudit does. */

#include <errno.h>
#include <fcntl.h>
#include <libaudit.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES_PER_SOCKET = 50, ERRORS_SHOWN = 20, PATIENCE_MS = 20000 };

enum kind { UNACKED, CHECKED, REOPENING, LIBRARY };

static const char *const names[] = {"unacked", "checked", "reopening", "library"};

static enum kind kind_of(int member)
{
    static const enum kind kinds[] = {UNACKED, CHECKED, CHECKED, REOPENING, REOPENING, LIBRARY, LIBRARY, LIBRARY};
    return kinds[member % 8];
}

struct message {
    struct nlmsghdr header;
    char text[256];
};

struct answer {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[512];
};

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Sends without the library. Returns 0, or -1 with errno. */
static int send_plainly(int fd, const char *text, unsigned sequence, unsigned short flags)
{
    struct message message = {.header = {0, AUDIT_USER, NLM_F_REQUEST | flags, sequence, 0}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    size_t length = strlen(text) + 1;
    memcpy(message.text, text, length);
    message.header.nlmsg_len = (unsigned)NLMSG_LENGTH(length);
    size_t size = NLMSG_ALIGN(message.header.nlmsg_len);
    return sendto(fd, &message, size, 0, (struct sockaddr *)&kernel, sizeof kernel) == (ssize_t)size ? 0 : -1;
}

/* Waits for the acknowledgement of exactly that message. Returns 0, or -1 with errno. */
static int expect_acknowledgement(int fd, unsigned sequence)
{
    struct pollfd wait = {fd, POLLIN, 0};
    int ready = poll(&wait, 1, PATIENCE_MS);
    if (ready <= 0) {
        errno = ready == 0 ? ETIMEDOUT : errno;
        return -1;
    }
    struct answer answer;
    if (recv(fd, &answer, sizeof answer, MSG_DONTWAIT) < 0)
        return -1;
    if (answer.header.nlmsg_type != NLMSG_ERROR || answer.header.nlmsg_seq != sequence) {
        errno = EBADMSG;
        return -1;
    }
    errno = -answer.error.error;
    return answer.error.error == 0 ? 0 : -1;
}

/* Reads what lies on a socket that should be empty. Returns how many messages that were. */
static unsigned leftovers(int fd)
{
    struct answer answer;
    unsigned count = 0;
    while (recv(fd, &answer, sizeof answer, MSG_DONTWAIT) >= 0)
        count++;
    return count;
}

static int send_one(int fd, enum kind kind, const char *text, unsigned number)
{
    switch (kind) {
    case UNACKED:
        return send_plainly(fd, text, number, 0);
    case CHECKED:
        return send_plainly(fd, text, number, NLM_F_ACK) == 0 ? expect_acknowledgement(fd, number) : -1;
    default:
        errno = 0;
        return audit_log_user_message(fd, AUDIT_USER, text, NULL, NULL, NULL, 1) > 0 ? 0 : -1;
    }
}

static void log_until(int member, const char *stop, useconds_t pause)
{
    enum kind kind = kind_of(member);
    unsigned number = 0, accepted = 0, errors = 0, stray = 0, on_socket = 0;
    double longest = 0;
    int fd = -1;
    while (access(stop, F_OK) != 0) {
        char text[64];
        snprintf(text, sizeof text, "member=%d number=%u", member, ++number);
        double began = now_ms();
        const char *step = "open";
        if (fd >= 0 && kind == REOPENING && on_socket == MESSAGES_PER_SOCKET) {
            close(fd);
            fd = -1;
        }
        if (fd < 0) {
            fd = audit_open();
            on_socket = 0;
        }
        bool sent = false;
        if (fd >= 0) {
            step = "send";
            on_socket++;
            sent = send_one(fd, kind, text, number) == 0;
        }
        int error = errno;
        double took = now_ms() - began;
        longest = took > longest ? took : longest;
        if (sent)
            accepted++;
        else if (errors++ < ERRORS_SHOWN)
            printf("failed member=%d number=%u step=%s errno=%s after_ms=%.0f\n", member, number, step,
                   strerrorname_np(error), took);
        if (fd >= 0 && (sent || kind != CHECKED))
            stray += leftovers(fd);
        if (pause > 0)
            usleep(pause);
    }
    printf("ended member=%d kind=%s sent=%u accepted=%u errors=%u stray=%u longest_ms=%.0f\n", member, names[kind],
           number, accepted, errors, stray, longest);
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "message-sender: say how many members, a stop file and a pause in microseconds\n");
        return 2;
    }
    int members = atoi(arguments[1]);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    for (int member = 0; member < members; member++) {
        pid_t child = fork();
        if (child < 0) {
            perror("message-sender: fork");
            return 1;
        }
        if (child == 0) {
            log_until(member, arguments[2], (useconds_t)atoi(arguments[3]));
            return fflush(stdout) == 0 ? 0 : 1;
        }
    }
    int worst = 0, status;
    while (wait(&status) > 0)
        worst = status != 0 ? 1 : worst;
    return worst;
}
