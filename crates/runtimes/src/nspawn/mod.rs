//! What systemd-nspawn would allow its containers.
