// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* Tags: how they are inherited, and how many tasks have them. */

/* Somebody else changes the tag of the same task at most once: whoever moves tasks is one thread. */
#define ROUNDS 3

ALWAYS_INLINE void one_more(u64 namespace)
{
	u64 *tasks = map_lookup_elem(&tagged, &namespace);

	if (tasks)
		COUNT(*tasks);
}

ALWAYS_INLINE void one_less(u64 namespace)
{
	u64 *tasks = map_lookup_elem(&tagged, &namespace);
	struct state *state = the_state();

	if (!tasks || __sync_fetch_and_add(tasks, -1ULL) != 1)
		return;
	if (ringbuf_output(&events, &namespace, sizeof(namespace), 0) && state)
		COUNT(state->unsaid);
}

/* The task is counted as its tag says. The one that is new is counted before the old one is not any more, so that no count
 * is 0 in between.
 */
ALWAYS_INLINE void count(struct tag *tag)
{
#pragma unroll
	for (int round = 0; round < ROUNDS; round++) {
		u64 namespace = NOW(tag->namespace);
		u64 before;

		if (namespace)
			one_more(namespace);
		before = __sync_lock_test_and_set(&tag->counted, namespace);
		if (before)
			one_less(before);
		if (NOW(tag->namespace) == namespace)
			return;
	}
}

ALWAYS_INLINE void count_no_more(struct tag *tag)
{
	u64 before = __sync_lock_test_and_set(&tag->counted, 0);

	if (before)
		one_less(before);
}

/* Of any task, with the program that calls it running for it or not. */
ALWAYS_INLINE struct tag *tag_of(struct task_struct *task)
{
	return task_storage_get(&tags, task, 0, 0);
}

ALWAYS_INLINE struct tag *new_tag(struct task_struct *task, struct tag *first)
{
	struct tag *tag = task_storage_get(&tags, task, first, BPF_LOCAL_STORAGE_GET_F_CREATE);

	/* Somebody else may have been quicker. */
	return tag ? tag : tag_of(task);
}

/* Every task is made by this: processes, threads, and those of io_uring, which the tracepoint of forks does not see. The new
 * task is on the lists already, but does not run yet.
 */
SECTION("tp_btf/task_newtask")
int inherit(u64 *context)
{
	struct task_struct *task = (void *)context[0];
	struct state *state = the_state();
	struct tag first = {};
	struct tag *parent;
	struct tag *tag;

	if (!state || !NOW(state->in_use))
		return 0;
	parent = tag_of(get_current_task_btf());
	if (!parent)
		return 0;
	first.namespace = NOW(parent->namespace);
	first.login = NOW(parent->login);
	if (!first.namespace && !first.login)
		return 0;
	tag = new_tag(task, &first);
	if (!tag) {
		COUNT(state->untagged);
		return 0;
	}
	/* Whoever moves the process may have found it before, and knows better. */
	if (!NOW(tag->namespace))
		__sync_val_compare_and_swap(&tag->namespace, 0, first.namespace);
	if (!NOW(tag->login))
		__sync_val_compare_and_swap(&tag->login, 0, first.login);
	count(tag);
	return 0;
}

SECTION("tp_btf/sched_process_exit")
int leave(u64 *context)
{
	struct task_struct *task = (void *)context[0];
	struct state *state = the_state();
	struct tag *tag;

	if (!state || !NOW(state->in_use))
		return 0;
	tag = tag_of(task);
	if (tag)
		count_no_more(tag);
	return 0;
}
