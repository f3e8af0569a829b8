// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* Notes who sends on an audit socket, and from which CPU. See the crate's documentation for why it can be relied upon.
 *
 * Only the members of kernel structures that are read are declared; the loader puts in where they are in the running
 * kernel.
 */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))
#define KERNEL __attribute__((preserve_access_index))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

char LICENSE[] SECTION("license") = "Dual MIT/GPL";

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

/* Two words up to Linux 6.2, one afterwards: read as bytes. */
typedef struct {
	u64 val;
} kernel_cap_t;

struct ns_common {
	u32 inum;
} KERNEL;

struct user_namespace {
	struct ns_common ns;
} KERNEL;

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
} KERNEL;

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	u64 start_boottime;
	const struct cred *cred;
	kuid_t loginuid;
	u32 sessionid;
} KERNEL;

struct sock {
	refcount_t sk_wmem_alloc;
} KERNEL;

struct unix_sock {
	struct sock *peer;
} KERNEL;

struct sk_buff {
	struct sock *sk;
	u32 truesize;
} KERNEL;

struct __sk_buff;

static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static u32 (*const get_smp_processor_id)(void) = (void *)8;
static u64 (*const get_socket_cookie)(void *context) = (void *)46;
static long (*const probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static struct task_struct *(*const get_current_task_btf)(void) = (void *)158;

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
};

struct slot {
	u64 cookie;
	u64 version;
	u64 doubts;
	u64 settled;
	struct identity identity;
	u32 lock;
	u32 cpu;
	u64 unused[5];
};

#define BPF_MAP_TYPE_ARRAY 2
#define BPF_F_MMAPABLE (1 << 10)
#define PROBES 8
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

#define NOW(member) (*(volatile __typeof__(member) *)&(member))
/* Their results are used, or the compiler would choose instructions that order nothing on arm64. */
#define COUNT(member) asm volatile("" : : "r"(__sync_fetch_and_add(&(member), 1)))
#define SET(member, value) asm volatile("" : : "r"(__sync_lock_test_and_set(&(member), (value))))

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
	return 1;
}

ALWAYS_INLINE int equal(const struct identity *one, const struct identity *other)
{
	return one->start == other->start && one->capabilities == other->capabilities &&
	       one->tgid == other->tgid && one->uid == other->uid && one->gid == other->gid &&
	       one->euid == other->euid && one->egid == other->egid && one->loginuid == other->loginuid &&
	       one->sessionid == other->sessionid && one->user_namespace == other->user_namespace;
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
