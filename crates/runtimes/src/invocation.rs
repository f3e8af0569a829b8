//! Command lines of OCI runtimes.
