// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* What auditns has the kernel run: notes of who sends, and which task is in which namespace. One object, so that all parts
 * share their maps. See the crate's documentation for why each part can be relied upon.
 */

#include "kernel.bpf.h"
#include "maps.bpf.h"
#include "tags.bpf.h"
#include "chains.bpf.h"
#include "tasks.bpf.h"
#include "steering.bpf.h"

char LICENSE[] SECTION("license") = "Dual MIT/GPL";
