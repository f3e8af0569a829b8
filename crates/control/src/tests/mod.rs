//! Both ends over real sockets.

mod bounds;
mod client;
mod descriptors;
mod hostile;
mod interface_file;
mod methods;
mod rig;
mod transport;
