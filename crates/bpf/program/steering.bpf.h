// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* Notes who sends on an audit socket, and from which CPU. */

/* As struct Slot in src/slot.rs. */
struct identity {
	u64 start;
	u64 capabilities;
	u32 tgid;
	u32 uid;
	u32 gid;
	u32 euid;
	u32 egid;
	u32 loginuid;
	u32 sessionid;
	u32 user_namespace;
	/* Of the tag. */
	u64 namespace;
	u64 login;
};

struct slot {
	u64 cookie;
	u64 version;
	u64 doubts;
	u64 settled;
	struct identity identity;
	u32 lock;
	u32 cpu;
	u64 unused[3];
};

#define PROBES 8
#define ENOMEM 12
#define ACCEPT_WHOLE 0xffffffff

/* The loader sets the number of slots, and the mask to one less. */
struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	int (*map_flags)[BPF_F_MMAPABLE];
	int (*max_entries)[64];
	u32 *key;
	struct slot *value;
} slots SECTION(".maps");

const volatile u32 slot_mask = 63;
/* The loader sets it where socket filters may read the storage of tasks by a call: from Linux 6.16 on. */
const volatile u32 has_storage_call = 0;

ALWAYS_INLINE struct slot *find(u64 cookie)
{
#pragma unroll
	for (u32 probe = 0; probe < PROBES; probe++) {
		u32 index = ((u32)cookie + probe) & slot_mask;
		struct slot *slot = map_lookup_elem(&slots, &index);

		if (slot && NOW(slot->cookie) == cookie)
			return slot;
	}
	return 0;
}

/* Maps whose values one task has. Those of others come to a handful. */
#define STORAGES_MAX 64

/* Finds the tag where the kernel keeps it. The element is freed with the task, which is the one that runs this. */
ALWAYS_INLINE void search_tag(struct task_struct *task, u64 storage, struct identity *identity)
{
	struct hlist_node *node = READ(READ(task->bpf_storage)->list.first);

	for (u32 at = 0; at < STORAGES_MAX && node; at++) {
		u64 data = (u64)node - OFFSET(bpf_local_storage_elem, snode) + OFFSET(bpf_local_storage_elem, sdata);
		struct bpf_local_storage_data *known = (void *)data;

		if ((u64)READ(known->smap) == storage) {
			struct tag tag = {};

			probe_read_kernel(&tag, sizeof(tag), (void *)(data + OFFSET(bpf_local_storage_data, data)));
			identity->namespace = tag.namespace;
			identity->login = tag.login;
			return;
		}
		node = READ(node->next);
	}
}

ALWAYS_INLINE void read_tag(struct task_struct *task, struct identity *identity)
{
	struct state *state = the_state();

	if (!state || !NOW(state->in_use))
		return;
	if (has_storage_call) {
		struct tag *tag = tag_of(task);

		if (tag) {
			identity->namespace = NOW(tag->namespace);
			identity->login = NOW(tag->login);
		}
	} else {
		search_tag(task, state->storage, identity);
	}
}

/* Has the kernel's structure of `tags` known to search_tag(). */
SECTION("syscall")
int find_storage(u32 *unused)
{
	struct tag first = {};
	struct tag *tag = new_tag(get_current_task_btf(), &first);
	struct bpf_local_storage_data *known;
	struct state *state = the_state();

	(void)unused;
	if (!tag || !state)
		return -ENOMEM;
	known = (void *)tag - OFFSET(bpf_local_storage_data, data);
	state->storage = (u64)READ(known->smap);
	return 0;
}

ALWAYS_INLINE int read_current(struct identity *identity)
{
	struct task_struct *task = get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	const struct cred *cred = task->cred;
	struct user_namespace *user_namespace;
	const u32 *capabilities;

	if (!leader || !cred)
		return 0;
	user_namespace = cred->user_ns;
	if (!user_namespace)
		return 0;
	capabilities = (const u32 *)&cred->cap_effective;
	identity->start = leader->start_boottime;
	identity->capabilities = (u64)capabilities[1] << 32 | capabilities[0];
	identity->tgid = task->tgid;
	identity->uid = cred->uid.val;
	identity->gid = cred->gid.val;
	identity->euid = cred->euid.val;
	identity->egid = cred->egid.val;
	identity->loginuid = task->loginuid.val;
	identity->sessionid = task->sessionid;
	identity->user_namespace = user_namespace->ns.inum;
	read_tag(task, identity);
	return 1;
}

ALWAYS_INLINE int equal(const struct identity *one, const struct identity *other)
{
	return one->start == other->start && one->capabilities == other->capabilities &&
	       one->tgid == other->tgid && one->uid == other->uid && one->gid == other->gid &&
	       one->euid == other->euid && one->egid == other->egid && one->loginuid == other->loginuid &&
	       one->sessionid == other->sessionid && one->user_namespace == other->user_namespace &&
	       one->namespace == other->namespace && one->login == other->login;
}

/* Whether no other message of the peer exists, be it queued or on its way here: each is charged to the peer's socket
 * from before its filter runs until it has been received or dropped. While the filter runs, sk is the receiver.
 */
ALWAYS_INLINE int alone(struct __sk_buff *context)
{
	struct sk_buff *message = (void *)context;
	struct sock *receiver = 0;
	struct sock *sender = 0;
	u32 size = 0;
	u32 charged = 0;

	if (probe_read_kernel(&size, sizeof(size), &message->truesize) ||
	    probe_read_kernel(&receiver, sizeof(receiver), &message->sk) ||
	    probe_read_kernel(&sender, sizeof(sender), &((struct unix_sock *)receiver)->peer) ||
	    probe_read_kernel(&charged, sizeof(charged), &sender->sk_wmem_alloc))
		return 0;
	/* One is the socket itself. */
	return charged == size + 1;
}

ALWAYS_INLINE void note(struct __sk_buff *context, struct slot *slot, const struct identity *identity)
{
	/* Read before alone(): whoever counts a doubt has a message charged already. */
	u64 doubts = __sync_fetch_and_add(&slot->doubts, 0);
	int same = equal(&slot->identity, identity);

	if (same && slot->settled == doubts)
		return;
	if (alone(context)) {
		u64 version = slot->version;

		SET(slot->version, version + 1);
		slot->identity = *identity;
		NOW(slot->settled) = doubts;
		SET(slot->version, version + 2);
	} else if (!same) {
		COUNT(slot->doubts);
	}
}

SECTION("socket")
int steering(struct __sk_buff *context)
{
	struct identity identity = {};
	u64 cookie = get_socket_cookie(context);
	struct slot *slot = find(cookie);

	if (!slot)
		return ACCEPT_WHOLE;
	NOW(slot->cpu) = get_smp_processor_id() + 1;
	if (!read_current(&identity) || __sync_val_compare_and_swap(&slot->lock, 0, 1) != 0) {
		COUNT(slot->doubts);
		return ACCEPT_WHOLE;
	}
	/* The slot may have been given to another socket since it was found. */
	if (NOW(slot->cookie) == cookie)
		note(context, slot, &identity);
	SET(slot->lock, 0);
	return ACCEPT_WHOLE;
}
