/* auditns.h - an audit namespace of one's own
 *
 * A process that auditns_create() succeeds for is in a new audit namespace, with all its threads and whatever it starts from
 * then on: status, audit daemon, rules and queue are its own, and its records stand in a log of its own at the host. What it
 * had started before stays where it was, and sockets that are open act for the new namespace.
 *
 * This works where the process is served by auditns already, for instance in a container. SPDX: MIT OR Apache-2.0
 */
#ifndef AUDITNS_H
#define AUDITNS_H

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The netlink message that asks for a namespace: alone in its datagram, without a payload. Give it NLM_F_ACK: the
 * acknowledgement comes when the process is in the namespace. */
#ifndef AUDIT_CREATE_NS
#define AUDIT_CREATE_NS 1090
#endif

/* Moves the calling process into a new audit namespace. Returns 0, or a negative error number:
 *
 *   -EPERM            no CAP_AUDIT_CONTROL in the user namespace of the process, or of whoever opened the socket
 *   -EOPNOTSUPP       whoever serves here cannot move processes between audit namespaces
 *   -ENOSPC           the host allows no more namespaces here, or none so deep inside each other
 *   -EAGAIN           too many were made within a second
 *   -EINVAL           the kernel's own audit answers, which knows no such message
 *   -ECONNREFUSED     there is no audit here, as the kernel says to user namespaces
 *   -EPROTONOSUPPORT  there is no audit here, as auditns says it
 *
 * or another one of socket(2), send(2) and recv(2). In a new namespace user messages are refused with ECONNREFUSED, which
 * libaudit takes for success, until the host raises its backlog limit. */
static inline int auditns_create(void)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[1024];
	} answer;
	struct nlmsghdr request;
	int result, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	if (fd < 0)
		return -errno;
	memset(&request, 0, sizeof(request));
	request.nlmsg_len = NLMSG_LENGTH(0);
	request.nlmsg_type = AUDIT_CREATE_NS;
	request.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request.nlmsg_seq = 1;
	do
		result = send(fd, &request, request.nlmsg_len, 0) < 0 ? -errno : 0;
	while (result == -EINTR);
	while (result == 0) {
		ssize_t length = recv(fd, &answer, sizeof(answer), 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0) {
			result = -errno;
		} else if (length < (ssize_t)NLMSG_LENGTH(sizeof(answer.error))) {
			result = -EPROTO;
		} else if (answer.header.nlmsg_type == NLMSG_ERROR && answer.header.nlmsg_seq == request.nlmsg_seq) {
			result = answer.error.error;
			break;
		}
	}
	close(fd);
	return result;
}

#ifdef __cplusplus
}
#endif

#endif
