//! The protocol by which LXC hands on notifications.
