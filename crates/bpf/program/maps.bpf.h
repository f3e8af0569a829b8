// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* What the programs share with each other and with the processes of auditns. */

/* What a task has besides its filters. Zero is none. */
struct tag {
	u64 namespace;
	/* The login uid, and the session number above it. */
	u64 login;
	/* As whose task it is counted. */
	u64 counted;
};

struct {
	int (*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int (*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	struct tag *value;
} tags SECTION(".maps");

/* How many tasks have the tag of a namespace. Entries are made and removed by the process that moves tasks. */
struct {
	int (*type)[BPF_MAP_TYPE_HASH];
	int (*map_flags)[BPF_F_NO_PREALLOC];
	int (*max_entries)[65536];
	u64 *key;
	u64 *value;
} tagged SECTION(".maps");

struct state {
	/* The kernel's structure of `tags`. */
	u64 storage;
	/* Whether any task has ever had a tag: if not, nothing is looked for. */
	u64 in_use;
	/* Tasks that could not be given the tag of whoever made them. */
	u64 untagged;
	/* Events for which there was no room. */
	u64 unsaid;
};

struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	int (*max_entries)[1];
	u32 *key;
	struct state *value;
} state SECTION(".maps");

/* Namespaces whose last tagged task has gone. */
struct {
	int (*type)[BPF_MAP_TYPE_RINGBUF];
	int (*max_entries)[65536];
} events SECTION(".maps");

/* Namespaces by the filters whose listeners they have. */
struct {
	int (*type)[BPF_MAP_TYPE_HASH];
	int (*max_entries)[16384];
	u64 *key;
	u64 *value;
} chains SECTION(".maps");

ALWAYS_INLINE struct state *the_state(void)
{
	u32 key = 0;

	return map_lookup_elem(&state, &key);
}
