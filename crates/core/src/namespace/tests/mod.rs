//! Tests of the namespace: by hand against the kernel's answers, by property, and against a model of the kernel's
//! worker.

mod attempts;
mod bounds;
mod configuration;
mod daemon;
mod features;
mod framing;
mod gate;
mod lifetime;
mod listeners;
mod lost_log;
mod model;
mod model_script;
mod permissions;
mod properties;
mod queues;
mod rate;
mod request;
mod rig;
mod rules;
mod signal;
mod sockets;
mod tty;
mod users;
mod waiting;
