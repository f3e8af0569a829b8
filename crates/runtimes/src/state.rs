//! The state of a container process, which OCI runtimes send with a listener.
