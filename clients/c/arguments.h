/* Calls on sockets with arguments that no client gives. Prints a line for each: what was called, on what kind of
 * descriptor, with what kind of arguments, the result, and how many of the answers that waited still wait.
 *
 * Whoever includes this provides call(), which returns a negative error number, and the numbers of the calls. */

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned long word;

enum { BIND, CONNECT, LISTEN, SHUTDOWN, GETSOCKNAME, GETPEERNAME, SETSOCKOPT, GETSOCKOPT, RECVFROM, RECVMSG, CALLS };

static const char *const names[CALLS] = {"bind",       "connect",    "listen",     "shutdown", "getsockname",
                                         "getpeername", "setsockopt", "getsockopt", "recvfrom", "recvmsg"};

enum { AF_INET = 2, SOCK_STREAM = 1, AF_NETLINK = 16, SOCK_RAW = 3, NETLINK_AUDIT = 9, SOL_NETLINK = 270 };
enum { UNKNOWN = 1099, NLMSG_ERROR = 2, ANSWERS = 2 };
/* Numbers of descriptors, and which of them are made. */
enum { PAGE = 4096, FIRST = 827, LAST = 902, AUDIT = 895, STREAM = 880, PLAIN = 840, DONTWAIT = 0x40 };

struct address {
    u16 family, pad;
    u32 pid, groups;
};

struct vector {
    word base, length;
};

struct header {
    word name;
    u32 name_length;
    word vector, vector_count, control, control_length;
    u32 flags;
};

/* The second page is not mapped. */
static unsigned char *pages;
static u32 state;

static u32 random_below(u32 bound)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % bound;
}

static void print(const char *text)
{
    word length = 0;
    while (text[length])
        length++;
    call(nr_write, 1, (word)text, length, 0, 0, 0);
}

/* Good addresses of one call do not overlap. */
static u32 slot;

static char line[256];
static u32 used;

static void add(const char *text)
{
    while (*text && used < sizeof line - 1)
        line[used++] = *text++;
    line[used] = 0;
}

static void add_number(long number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    word rest = number < 0 ? -(word)number : (word)number;
    *first = 0;
    do
        *--first = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--first = '-';
    add(" ");
    add(first);
}

/* An address for `size` bytes. Its kind is told, not its value, which differs from run to run. */
static word pointer(u32 size)
{
    static const char *const kinds[] = {" good", " good", " good", " good", " edge", " null", " low", " end", " top"};
    u32 kind = random_below(9);
    add(kinds[kind]);
    switch (kind) {
    case 4: return (word)pages + PAGE - size;
    case 5: return 0;
    case 6: return 1;
    case 7: return (word)pages + PAGE - 1 - random_below(size);
    case 8: return TOP;
    default: return (word)pages + 512 + 64 * (slot++ % 24);
    }
}

static u32 size(void)
{
    static const u32 sizes[] = {0, 1, 2, 3, 4, 8, 11, 12, 12, 12, 13, 16, 64, 128, 129, 0x7fffffff, 0x80000000, -1};
    u32 value = sizes[random_below(sizeof sizes / sizeof *sizes)];
    add_number((int)value);
    return value;
}

/* What stands where good addresses point: names, lengths and values at once. */
static void fill(void)
{
    static const struct address address = {AF_NETLINK, 0, 0, 1};
    for (u32 at = 0; at < PAGE; at++)
        pages[at] = 0;
    for (u32 at = 512; at < 2048; at += 64)
        *(volatile struct address *)(pages + at) = address;
    u32 kind = random_below(6);
    add_number(kind);
    for (u32 at = 512; at < 2048; at += 64) {
        volatile struct address *name = (void *)(pages + at);
        if (kind == 0)
            name->family = 0;
        else if (kind == 1)
            name->groups = 0;
        else if (kind == 2)
            *(volatile u32 *)name = 12;
        else if (kind == 3)
            *(volatile u32 *)name = 1;
        else if (kind == 4)
            *(volatile u32 *)name = -1;
        else
            name->family = 1;
    }
}

/* Takes everything that waits; returns how many answers there were. */
static long drain(void)
{
    static unsigned char buffer[16384];
    long answers = 0;
    for (;;) {
        long got = call(nr_recvfrom, AUDIT, (word)buffer, sizeof buffer, DONTWAIT, 0, 0);
        if (got < 0)
            return answers;
        if (got > 16 && *(u16 *)(buffer + 4) == NLMSG_ERROR)
            answers++;
    }
}

/* Sends what is refused at once, and waits for the answers. */
static void ask(void)
{
    static const struct address kernel = {AF_NETLINK, 0, 0, 0};
    static u32 request[4] = {16, 1 << 16 | UNKNOWN, 1, 0};
    struct {
        int fd;
        short events, revents;
    } wait = {AUDIT, 1, 0};
    for (u32 answer = 0; answer < ANSWERS; answer++)
        call(nr_sendto, AUDIT, (word)request, 16, 0, (word)&kernel, sizeof kernel);
    call(nr_poll, (word)&wait, 1, 20000, 0, 0, 0);
}

static word message(void)
{
    struct header *header = (void *)(pages + 64);
    struct vector *vectors = (void *)(pages + 256);
    word at = (word)header;
    header->name = random_below(2) ? pointer(12) : 0;
    header->name_length = header->name ? size() : 0;
    header->vector = random_below(8) ? (word)vectors : random_below(2) ? 1 : TOP;
    header->vector_count = random_below(10) ? random_below(4) : 1025;
    add_number((long)header->vector_count);
    for (u32 part = 0; part < 3; part++) {
        vectors[part].base = pointer(64);
        vectors[part].length = random_below(8) ? random_below(64) : size();
    }
    header->control = random_below(2) ? pointer(64) : 0;
    header->control_length = header->control ? random_below(64) : 0;
    return random_below(8) ? at : pointer(sizeof *header);
}

static u32 flags(void)
{
    static const u32 known[] = {0, 0, 0, 0x1, 0x2, 0x20, 0x22, 0x100, 0x2000, 0x40000000};
    u32 value = known[random_below(sizeof known / sizeof *known)];
    add_number(value);
    return value | DONTWAIT;
}

static u32 level(void)
{
    static const u32 levels[] = {SOL_NETLINK, SOL_NETLINK, SOL_NETLINK, 1, 1, 0, 6, 271, -1};
    u32 value = levels[random_below(sizeof levels / sizeof *levels)];
    add_number((int)value);
    return value;
}

static u32 option(u32 call, u32 level)
{
    u32 value = random_below(level == 1 ? 85 : 16);
    /* Of this level only what a netlink socket is asked about, or SO_PASSCRED. */
    static const u32 asked[] = {3, 4, 7, 15, 16, 17, 28, 30, 31, 38, 39, 59, 77};
    if (level == 1)
        value = call == SETSOCKOPT ? 16 : asked[random_below(sizeof asked / sizeof *asked)];
    add_number(value);
    return value;
}

static void one(u32 fd, u32 number)
{
    word a[6] = {fd, 0, 0, 0, 0, 0};
    used = 0;
    add(names[number]);
    add(fd == AUDIT ? " audit" : fd == STREAM ? " stream" : fd == PLAIN ? " plain" : " closed");
    fill();
    int receives = number == RECVFROM || number == RECVMSG;
    if (receives && fd == AUDIT) {
        drain();
        ask();
    }
    switch (number) {
    case BIND:
    case CONNECT:
        a[1] = pointer(12);
        a[2] = size();
        break;
    case LISTEN:
    case SHUTDOWN:
        /* A stream socket that listens is no longer what it was. */
        a[1] = fd == STREAM ? 77 : random_below(5);
        break;
    case GETSOCKNAME:
    case GETPEERNAME:
        a[1] = pointer(12);
        a[2] = pointer(4);
        break;
    case SETSOCKOPT:
        a[1] = level();
        a[2] = option(number, a[1]);
        a[3] = pointer(4);
        a[4] = size();
        break;
    case GETSOCKOPT:
        a[1] = level();
        a[2] = option(number, a[1]);
        a[3] = pointer(4);
        a[4] = pointer(4);
        break;
    case RECVFROM:
        a[1] = (word)pages + 3000;
        a[2] = random_below(200);
        a[3] = flags();
        a[4] = random_below(3) ? pointer(12) : 0;
        a[5] = pointer(4);
        break;
    default:
        a[2] = flags();
        a[1] = message();
    }
    long result = call(numbers[number], a[0], a[1], a[2], a[3], a[4], a[5]);
    /* How much was received depends on what else happens on the machine. */
    add(" =");
    add_number(result > 0 ? 1 : result);
    if (receives && fd == AUDIT) {
        add(", left");
        add_number(drain());
    }
    add("\n");
    print(line);
}

/* Makes `count` calls: most on an audit socket, the rest on what else is at reserved numbers and around them. */
static int arguments(u32 seed, u32 count)
{
    state = seed * 2654435761u | 1;
    long audit = call(nr_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, 0, 0, 0);
    if (audit != AUDIT) {
        call(nr_dup2, audit, AUDIT, 0, 0, 0, 0);
        call(nr_close, audit, 0, 0, 0, 0, 0);
    }
    /* In a namespace nobody can choose these numbers, but comes to them with many files. */
    for (long at = 0; at < STREAM;) {
        at = call(nr_dup, 0, 0, 0, 0, 0, 0);
        if (at == STREAM - 1) {
            call(nr_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
            break;
        }
        if (at < 0)
            return 3;
    }
    for (u32 at = FIRST; at < STREAM; at++)
        if (at != PLAIN)
            call(nr_close, at, 0, 0, 0, 0, 0);
    pages = (void *)map(2 * PAGE);
    call(nr_munmap, (word)pages + PAGE, PAGE, 0, 0, 0, 0);
    for (u32 made = 0; made < count; made++) {
        u32 where = random_below(8);
        u32 other = FIRST + random_below(LAST - FIRST + 1);
        one(where == 0 ? STREAM : where == 1 ? PLAIN : where == 2 ? other : AUDIT, random_below(CALLS));
    }
    return 0;
}

static u32 number_of(const char *text)
{
    u32 value = 0;
    while (*text)
        value = value * 10 + (u32)(*text++ - '0');
    return value;
}
