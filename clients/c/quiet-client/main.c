/* A client that logs a message every two milliseconds and waits for its acknowledgement, until a file exists.

   quiet-client STOP-FILE TIMES-FILE

   TIMES-FILE gets a line for each message: when it was sent, by the monotonic clock, and what its acknowledgement took, both
   in microseconds. Ends with 0 if each message was acknowledged without an error. */

#include "../hostile-container/audit.h"

enum { EVERY_US = 2000 };

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "quiet-client: say a stop file and a file for times\n");
        return 2;
    }
    FILE *times = fopen(arguments[2], "we");
    must(times != NULL, arguments[2]);
    setvbuf(times, NULL, _IOLBF, 0);
    int fd = audit();
    must(fd >= 0, "socket");
    unsigned number = 0;
    for (long next = now_us(); access(arguments[1], F_OK) != 0; next += EVERY_US) {
        char text[64];
        snprintf(text, sizeof text, "op=quiet number=%u", ++number);
        long began = now_us();
        errno = -asked(fd, AUDIT_USER, text, strlen(text) + 1);
        long took = now_us() - began;
        must(errno == 0, text);
        fprintf(times, "%ld %ld\n", began, took);
        long rest = next + EVERY_US - now_us();
        if (rest > 0)
            usleep((useconds_t)rest);
        else
            next = now_us();
    }
    printf("sent %u\n", number);
    return 0;
}
