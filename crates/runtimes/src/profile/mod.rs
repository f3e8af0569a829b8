//! Configurations of container managers.
