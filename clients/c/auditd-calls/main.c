/* The calls of auditd 4.2 on its audit socket, in its order: start, records, the end by SIGTERM. */

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "transcript.h"

static struct message reply;

/* As libaudit's audit_get_reply: the length, or a negative errno. */
static int get_reply(int fd, int flags)
{
    struct sockaddr_nl from = {0};
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(fd, &reply, sizeof reply, flags | MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (length < 0)
        return -errno;
    if (size != sizeof from)
        return -EPROTO;
    if (from.nl_pid != 0)
        return -EINVAL;
    if (!NLMSG_OK(&reply.header, (unsigned)length))
        return -EBADE;
    return length;
}

/* Waits as long as libaudit does and eats the acknowledgement, but no other packet. */
static int check_ack(int fd)
{
    struct pollfd readable = {fd, POLLIN, 0};
    int length;
    for (int tries = 0; tries <= 80; tries++) {
        poll(&readable, 1, 500);
        length = get_reply(fd, MSG_PEEK);
        if (length != -EAGAIN)
            break;
    }
    if (length < 0)
        return length;
    if (reply.header.nlmsg_type != NLMSG_ERROR)
        return 0;
    int error = ((struct nlmsgerr *)NLMSG_DATA(&reply.header))->error;
    get_reply(fd, 0);
    return error;
}

/* Returns the sequence number, or a negative errno. */
static int send_request(int fd, int type, const void *payload, unsigned size)
{
    static int sequence;
    struct message request = {.header = {NLMSG_SPACE(size), type, NLM_F_REQUEST | NLM_F_ACK, ++sequence, 0}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (size > 0)
        memcpy(request.body, payload, size);
    ssize_t sent = sendto(fd, &request, request.header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    if (sent < 0)
        return -errno;
    int error = check_ack(fd);
    return error ? error : sequence;
}

static void set(int fd, const char *step, struct audit_status status)
{
    int result = send_request(fd, AUDIT_SET, &status, sizeof status);
    errno = -result;
    must(result > 0, step);
    printf("%s: acknowledged\n", step);
}

static int is_enabled(int fd)
{
    struct pollfd readable = {fd, POLLIN, 0};
    int result = send_request(fd, AUDIT_GET, NULL, 0);
    for (int tries = 0; result > 0 && tries < 40; tries++) {
        poll(&readable, 1, 100);
        if (get_reply(fd, 0) <= 0)
            continue;
        if (reply.header.nlmsg_type == NLMSG_DONE || reply.header.nlmsg_type == NLMSG_ERROR)
            return -1;
        if (reply.header.nlmsg_type == AUDIT_GET)
            return ((struct audit_status *)NLMSG_DATA(&reply.header))->enabled;
    }
    return -1;
}

/* auditd's handler: at most four packets for each time that the socket is readable. */
static void wait_for_record(int fd, const char *mark, pid_t sender)
{
    int watcher = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    must(watcher >= 0 && epoll_ctl(watcher, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    while (epoll_wait(watcher, &event, 1, 5000) == 1) {
        int length = 1;
        for (int count = 0; length > 0 && count < 4; count++) {
            length = get_reply(fd, 0);
            if (length < 0)
                continue;
            reply.body[length - NLMSG_HDRLEN] = 0;
            if (record(reply.header.nlmsg_type, reply.body, mark, sender)) {
                close(watcher);
                return;
            }
        }
    }
    puts("no record came");
    exit(1);
}

/* Who sent the SIGTERM: the answer is recognised by its sequence number. */
static void signal_info(int fd)
{
    int sequence = send_request(fd, AUDIT_SIGNAL_INFO, NULL, 0);
    for (int tries = 0; sequence > 0 && tries < 30; tries++) {
        struct timeval wait = {0, 100000};
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        select(fd + 1, &readable, NULL, NULL, &wait);
        if (get_reply(fd, 0) <= 0 || reply.header.nlmsg_seq != (unsigned)sequence)
            continue;
        if (reply.header.nlmsg_type == AUDIT_SIGNAL_INFO) {
            puts("AUDIT_SIGNAL_INFO: answered");
            return;
        }
    }
    puts("AUDIT_SIGNAL_INFO: no answer");
    exit(1);
}

int main(void)
{
    int fd = socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    int one = 1;
    must(setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof one) == 0, "NETLINK_NO_ENOBUFS");
    puts("NETLINK_NO_ENOBUFS: set");
    printf("enabled: %d\n", is_enabled(fd));
    set(fd, "AUDIT_SET enabled", (struct audit_status){.mask = AUDIT_STATUS_ENABLED, .enabled = 1});
    set(fd, "AUDIT_SET pid", (struct audit_status){.mask = AUDIT_STATUS_PID, .pid = getpid()});
    /* It eats whatever comes within 100 ms: that is the record of its own registration, on a busy machine after a while. */
    struct pollfd readable = {fd, POLLIN, 0};
    poll(&readable, 1, 5000);
    printf("first packet: %s\n", get_reply(fd, 0) > 0 ? "eaten" : "none");
    pid_t child = message_from_child(AUDIT_USER_LOGIN, "op=login acct=\"of-auditd-calls\" res=success");
    wait_for_record(fd, "of-auditd-calls", child);
    signal_info(fd);
    set(fd, "AUDIT_SET pid 0", (struct audit_status){.mask = AUDIT_STATUS_PID});
    must(close(fd) == 0, "close");
    puts("close: done");
    return 0;
}
