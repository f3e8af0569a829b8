/* The calls of systemd-journald on its audit socket: the one it opens itself, and the one it is given by process 1. */

#include <limits.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "transcript.h"

/* The first descriptor of socket activation. */

static const struct sockaddr_nl readlog = {.nl_family = AF_NETLINK, .nl_groups = AUDIT_NLGRP_READLOG};

/* Switches auditing on and does not wait for an answer. */
static void set_kernel_audit(int fd)
{
    struct {
        struct nlmsghdr header;
        struct audit_status status;
    } request = {
        {NLMSG_LENGTH(sizeof request.status), AUDIT_SET, NLM_F_REQUEST, 1, 0},
        {.mask = AUDIT_STATUS_ENABLED, .enabled = 1},
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec part = {&request, request.header.nlmsg_len};
    struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &part, .msg_iovlen = 1};
    must(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len, "AUDIT_SET enabled");
    puts("AUDIT_SET enabled: sent");
}

/* Receives a datagram as journald does. Says what journald takes offence at, if anything. */
static const char *receive(int fd, struct message *datagram)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(struct timeval)) + CMSG_SPACE(sizeof(int)) +
                   CMSG_SPACE(NAME_MAX)];
    } control = {0};
    struct sockaddr_storage from = {0};
    struct iovec part = {datagram, sizeof *datagram - 1};
    struct msghdr message = {
        .msg_name = &from,
        .msg_namelen = sizeof from,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    int waiting = 0;
    /* Netlink does not know it; the answer is only a hint for the size of the buffer. */
    (void)ioctl(fd, SIOCINQ, &waiting);
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    must(length >= 0, "recvmsg");
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return "truncated";
    const struct ucred *sender = NULL;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS &&
            part->cmsg_len == CMSG_LEN(sizeof *sender))
            sender = (const struct ucred *)CMSG_DATA(part);
    const struct sockaddr_nl *address = (const struct sockaddr_nl *)&from;
    if (message.msg_namelen != sizeof *address || address->nl_family != AF_NETLINK || address->nl_pid != 0)
        return "invalid sender";
    if (!sender || sender->pid != 0)
        return "invalid credentials";
    if (sender->uid != 0 || sender->gid != 0)
        return "not the kernel's ids";
    if (address->nl_groups != 1)
        return "not a multicast";
    if (!NLMSG_OK(&datagram->header, (size_t)length))
        return "not a whole message";
    ((char *)datagram)[length] = 0;
    return NULL;
}

static void wait_for_record(int fd, const char *mark)
{
    static struct message datagram;
    int watcher = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    must(watcher >= 0 && epoll_ctl(watcher, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    char text[64];
    snprintf(text, sizeof text, "op=login acct=\"%s\" res=success", mark);
    pid_t child = message_from_child(AUDIT_USER_LOGIN, text);
    while (epoll_wait(watcher, &event, 1, 5000) == 1) {
        if (event.events != EPOLLIN) {
            printf("epoll: events %#x\n", event.events);
            exit(1);
        }
        const char *offence = receive(fd, &datagram);
        if (offence) {
            printf("message ignored: %s\n", offence);
            exit(1);
        }
        datagram.body[datagram.header.nlmsg_len - NLMSG_HDRLEN] = 0;
        if (record(datagram.header.nlmsg_type, datagram.body, mark, child)) {
            close(watcher);
            return;
        }
    }
    puts("no record came");
    exit(1);
}

static void own_socket(void)
{
    int on = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    must(bind(fd, (const struct sockaddr *)&readlog, sizeof readlog) == 0, "bind");
    puts("bind: member of the group");
    must(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0, "SO_PASSCRED");
    puts("SO_PASSCRED: set");
    set_kernel_audit(fd);
    wait_for_record(fd, "of-journald-calls");
    must(close(fd) == 0, "close");
}

int main(void)
{
    own_socket();
}
