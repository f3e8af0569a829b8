/* The calls of pam_tty_audit around a session, and those of a shell with readline's audit support within it. */

#include "transcript.h"

static void nl_send(int fd, int type, int flags, void *payload, size_t size)
{
    struct nlmsghdr header = {NLMSG_LENGTH(size), type, NLM_F_REQUEST | flags, 0, 0};
    struct iovec parts[2] = {{&header, sizeof header}, {payload, size}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = parts, .msg_iovlen = 2};
    must(sendmsg(fd, &message, 0) == (ssize_t)header.nlmsg_len, "sendmsg");
}

/* An answer of `type`. What is not an acknowledgement is first looked at by its header alone. */
static void nl_recv(int fd, int type, void *payload, size_t size)
{
    struct nlmsghdr header;
    struct sockaddr_nl from;
    struct iovec parts[2] = {{&header, sizeof header}, {payload, size}};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = parts, .msg_iovlen = 1};
    if (type != NLMSG_ERROR) {
        ssize_t peeked = recvmsg(fd, &message, MSG_PEEK);
        must(peeked >= 0, "recvmsg");
        printf("peeked: %zd bytes, type %d\n", peeked, header.nlmsg_type);
    }
    message.msg_iovlen = 2;
    ssize_t length = recvmsg(fd, &message, 0);
    must(length >= 0, "recvmsg");
    if (length != (ssize_t)NLMSG_LENGTH(size) || header.nlmsg_type != type) {
        printf("%zd bytes of type %d instead of %d\n", length, header.nlmsg_type, type);
        exit(1);
    }
}

static void tty_set(const char *step, struct audit_tty_status status)
{
    struct nlmsgerr answer;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    nl_send(fd, AUDIT_TTY_SET, NLM_F_ACK, &status, sizeof status);
    nl_recv(fd, NLMSG_ERROR, &answer, sizeof answer);
    printf("%s: AUDIT_TTY_SET %u %u, error %d\n", step, status.enabled, status.log_passwd, answer.error);
    close(fd);
}

static struct audit_tty_status tty_get(const char *step)
{
    struct audit_tty_status status;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    nl_send(fd, AUDIT_TTY_GET, 0, NULL, 0);
    nl_recv(fd, AUDIT_TTY_GET, &status, sizeof status);
    printf("%s: AUDIT_TTY_GET %u %u\n", step, status.enabled, status.log_passwd);
    close(fd);
    return status;
}

/* Readline reports a line and never looks for an answer. */
static void line_of_a_shell(const char *line)
{
    struct message message = {.header = {NLMSG_SPACE(strlen(line) + 1), AUDIT_USER_TTY, NLM_F_REQUEST, 0, 0}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(PF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    strcpy(message.body, line);
    ssize_t sent = sendto(fd, &message, message.header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    must(sent == (ssize_t)message.header.nlmsg_len, "sendto");
    close(fd);
}

static void wait_for_record(int listener, const char *mark)
{
    static struct message datagram;
    for (;;) {
        ssize_t length = recv(listener, &datagram, sizeof datagram - 1, 0);
        must(length >= (ssize_t)NLMSG_HDRLEN, "recv");
        datagram.body[length - NLMSG_HDRLEN] = 0;
        if (record(datagram.header.nlmsg_type, datagram.body, mark, getpid()))
            return;
    }
}

int main(void)
{
    struct sockaddr_nl readlog = {.nl_family = AF_NETLINK, .nl_groups = AUDIT_NLGRP_READLOG};
    struct timeval limit = {5, 0};
    int listener = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    must(listener >= 0 && bind(listener, (struct sockaddr *)&readlog, sizeof readlog) == 0, "bind");
    must(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0, "SO_RCVTIMEO");

    struct audit_tty_status before = tty_get("open session");
    tty_set("open session", (struct audit_tty_status){.enabled = 1, .log_passwd = 1});
    /* Fills its message, which is padded to four bytes: padding is data here, and data with a zero is hexadecimal. */
    line_of_a_shell("of-tty-calls:ls");
    wait_for_record(listener, "\"of-tty-calls:ls\"");
    line_of_a_shell("of-tty-calls");
    wait_for_record(listener, "6F662D7474792D63616C6C73");
    tty_get("in the session");
    tty_set("close session", before);
    tty_get("after the session");
    return 0;
}
