//! What annotations say of a container, and ask for it.
