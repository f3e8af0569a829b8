/* The smallest process that lives until it is ended: the member of a namespace that does nothing. */
#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
