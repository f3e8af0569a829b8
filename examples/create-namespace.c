/* Runs a command in an audit namespace of its own, inside the one that it is started in.
 *
 *   cc -o create-namespace create-namespace.c        (with auditns.h in /usr/include)
 *   ./create-namespace auditctl -s
 *
 * SPDX: MIT OR Apache-2.0 */
#include <auditns.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	int error;

	if (argc < 2) {
		fprintf(stderr, "usage: %s COMMAND [ARGUMENT]...\n", argv[0]);
		return 125;
	}
	error = auditns_create();
	if (error) {
		fprintf(stderr, "%s: no audit namespace: %s\n", argv[0], strerror(-error));
		return 125;
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], strerror(errno));
	return 127;
}
