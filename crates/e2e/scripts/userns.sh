# Sourced by the scripts that make a user namespace.

# Leaves a descriptor of a user namespace that maps 0..65535 to 100000..165535 in $userns. The process that creates it
# cannot map it itself (its own ids are outside the map), so the maps are written from here, and the namespace is
# entered by nsenter, which takes on id 0 before it executes anything. Words behind it are a command that makes the namespace
# as another user, to whom it belongs then.
mapped_user_namespace() {
    "$@" unshare --user -- sleep 60 &
    local holder=$! here
    here=$(readlink /proc/self/ns/user)
    while [ "$(readlink "/proc/$holder/ns/user")" = "$here" ]; do sleep 0.01; done
    echo "0 100000 65536" >"/proc/$holder/uid_map"
    echo "0 100000 65536" >"/proc/$holder/gid_map"
    exec {userns}<"/proc/$holder/ns/user"
    kill "$holder"
    wait "$holder" 2>/dev/null || true
}
