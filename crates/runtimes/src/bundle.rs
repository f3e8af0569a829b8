//! Bundles: the configuration of a container, as an OCI runtime reads it.
