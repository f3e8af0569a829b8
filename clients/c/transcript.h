/* What every program here prints: a line for a step, without what differs from run to run. */

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* As libaudit has them: the longest message, without its header, and a type that the kernel only knows as a range. */
#define TEXT_MAX 8970
#define AUDIT_USER_LOGIN 1112

struct message {
    struct nlmsghdr header;
    char body[TEXT_MAX];
};

/* Ends the program when a step failed; errno tells why. */
static void must(bool well, const char *step)
{
    if (!well) {
        printf("%s: %s\n", step, strerror(errno));
        exit(1);
    }
}

/* Sends a user message as libaudit does, from a child process, and returns its pid after the acknowledgement. */
static inline pid_t message_from_child(int type, const char *text)
{
    struct message message = {.header = {NLMSG_SPACE(strlen(text) + 1), type, NLM_F_REQUEST | NLM_F_ACK, 1, 0}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer;
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        strcpy(message.body, text);
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
        ssize_t sent = sendto(fd, &message, message.header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
        ssize_t got = recv(fd, &answer, sizeof answer, 0);
        _exit(sent == (ssize_t)message.header.nlmsg_len && got == sizeof answer && answer.error.error == 0 ? 0 : 1);
    }
    int status;
    must(waitpid(child, &status, 0) == child, "waitpid");
    if (status != 0) {
        puts("the message of the child was not accepted");
        exit(1);
    }
    return child;
}

/* Prints a record that contains `mark`. Returns false for others: they come from elsewhere on the machine. */
static inline bool record(int type, const char *text, const char *mark, pid_t sender)
{
    if (!strstr(text, mark))
        return false;
    char pid[32];
    snprintf(pid, sizeof pid, "): pid=%d ", sender);
    bool right = strncmp(text, "audit(", 6) == 0 && strstr(text, pid);
    const char *payload = strstr(text, " msg='");
    if (!payload)
        payload = strstr(text, " data=");
    printf("record %d: %s%s\n", type, right ? "pid of the sender," : text, payload ? payload : " without a payload");
    return true;
}
