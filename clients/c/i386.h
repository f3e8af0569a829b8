/* 32-bit programs without a C library, so that no 32-bit library must be installed. */

#include "i386-call.h"

typedef unsigned int u32;
typedef unsigned short u16;

enum { SYS_EXIT = 1, SYS_WRITE = 4 };
enum { AF_NETLINK = 16, SOCK_RAW = 3, NETLINK_AUDIT = 9, NLMSG_ERROR = 2, AUDIT_GET = 1000 };

struct address {
    u16 family, pad;
    u32 pid, groups;
};

struct message {
    u32 length;
    u16 type, flags;
    u32 sequence, pid;
    u32 body[16];
};

/* How a program makes its socket calls is what the programs differ in. */
static int audit_socket(void);
static int send_to(int fd, const void *data, u32 size, const struct address *to);
static int receive_from(int fd, void *data, u32 size, struct address *from, u32 *from_size);

static void print(const char *text)
{
    u32 length = 0;
    while (text[length])
        length++;
    call(SYS_WRITE, 1, (u32)text, length, 0, 0, 0);
}

static void print_number(const char *label, int number)
{
    char digits[12];
    char *first = digits + sizeof digits - 1;
    u32 rest = number < 0 ? -(u32)number : (u32)number;
    *first = 0;
    do
        *--first = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--first = '-';
    print(label);
    print(first);
}

static void finish(int status)
{
    call(SYS_EXIT, status, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void must(int result, const char *step)
{
    if (result < 0) {
        print(step);
        print_number(": error ", result);
        print("\n");
        finish(1);
    }
}

static void print_reply(int fd)
{
    struct message reply;
    struct address from = {0, 0, 0, 0};
    u32 from_size = sizeof from;
    int length = receive_from(fd, &reply, sizeof reply, &from, &from_size);
    must(length, "receive");
    print_number("reply: ", length);
    print_number(" bytes, type ", reply.type);
    print_number(", sequence ", reply.sequence);
    if (reply.type == NLMSG_ERROR)
        print_number(", error ", reply.body[0]);
    if (reply.type == AUDIT_GET)
        print_number(", enabled ", reply.body[1]);
    print_number("; address of ", from_size);
    print_number(" bytes, port ", from.pid);
    print("\n");
}

void _start(void)
{
    /* NLM_F_REQUEST and NLM_F_ACK. */
    struct message request = {16, AUDIT_GET, 5, 7, 0, {0}};
    struct address kernel = {AF_NETLINK, 0, 0, 0};
    int fd = audit_socket();
    must(fd, "socket");
    print("socket: open\n");
    int sent = send_to(fd, &request, 16, &kernel);
    must(sent, "send");
    print_number("AUDIT_GET: sent ", sent);
    print(" bytes\n");
    print_reply(fd);
    print_reply(fd);
    finish(0);
}
