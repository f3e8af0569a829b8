//! Registration of an audit daemon.

use super::Namespace;
use super::datagram::{Handled, Outcome, Request};
use super::settings::DISABLED;
use super::status::both;
use crate::action::{Action, EndpointId, Notice};
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::header::FLAG_ACK;
use auditns_wire::message_type::REPLACE;
use auditns_wire::record::Viewed;
use auditns_wire::reply::{self, Verdict};
use serde::{Deserialize, Serialize};

/// The socket and process that `AUDIT_SET` with a pid named as this namespace's audit daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registration {
    /// Tells this registration from a later one of the same socket.
    pub(super) number: u64,
    pub(super) endpoint: EndpointId,
    pub(super) pid: Viewed<u32>,
    /// The socket is closed, which shows only when something is sent to it.
    pub(super) closed: bool,
}

impl Namespace {
    /// The registered daemon's thread-group id, 0 for none.
    pub(super) fn registered_pid(&self) -> Viewed<u32> {
        self.registration.map_or(both(0), |registration| registration.pid)
    }

    /// Thread-group id of the registered audit daemon as the host sees it, if its socket is open.
    pub fn daemon(&self) -> Option<u32> {
        self.registration.filter(|known| !known.closed).map(|known| known.pid.host)
    }

    /// Kernel: `audit_receive_msg`, `AUDIT_STATUS_PID`.
    pub(super) fn set_daemon(&mut self, request: &Request<'_>, pid: u32) -> Handled {
        let (sender, now) = (request.sender, request.now);
        let caller = sender.ids.map(|ids| ids.pid);
        if pid != 0 && pid != caller.namespace {
            return Err(Errno::EINVAL);
        }
        let new = if pid == 0 { both(0) } else { caller };

        self.probe_daemon(caller.namespace, now);
        let old = self.registered_pid();
        if let Some(registration) = self.registration {
            let refusal = if pid != 0 {
                Some(Errno::EEXIST)
            } else if registration.pid.host != caller.host {
                Some(Errno::EACCES)
            } else {
                None
            };
            if let Some(errno) = refusal {
                self.log_config("audit_pid", new, old, sender, false, now);
                return Err(errno);
            }
        }

        if pid == 0 {
            if self.settings.enabled != DISABLED {
                self.log_config("audit_pid", new, old, sender, true, now);
            }
            self.drop_registration(now);
            return Ok(Outcome::Done);
        }
        // The acknowledgement leaves before the first record can. It names the head of the datagram (`auditd_set`).
        let asked = request.message.header.flags & FLAG_ACK != 0;
        fault!(AcknowledgedAfterRecord: let asked = false);
        if asked {
            self.acknowledge(request.endpoint, &request.first, Verdict::Success);
        }
        fault!(HeldDroppedAtRegistration => while self.queues.pop(super::queues::Which::Hold).is_some() {});
        self.registrations = self.registrations.wrapping_add(1);
        let number = self.registrations;
        self.registration =
            Some(Registration { number, endpoint: request.endpoint, pid: new, closed: false });
        self.output.push_back(Action::Notice(Notice::Daemon { pid: new.host, registered: true }));
        if self.settings.enabled != DISABLED {
            self.log_config("audit_pid", new, old, sender, true, now);
        }
        fault!(AcknowledgedAfterRecord => self.run_worker(now));
        Ok(if asked { Outcome::Acknowledged } else { Outcome::Done })
    }

    /// `AUDIT_REPLACE` to the registered daemon, whoever asks; finding its socket closed ends the registration
    /// (kernel: `audit_replace`).
    fn probe_daemon(&mut self, caller: u32, now: Now) {
        let Some(registration) = self.registration else { return };
        if registration.closed {
            self.reset_registration(registration.number, now);
        } else {
            let frame = reply::data(REPLACE, 0, false, &caller.to_ne_bytes());
            self.output.push_back(Action::Offer { endpoint: registration.endpoint, frame });
        }
    }

    fn drop_registration(&mut self, now: Now) {
        match self.registration {
            Some(registration) => self.reset_registration(registration.number, now),
            None => self.flush_retry_to_hold(now),
        }
    }

    /// Ends the registration if it is still the numbered one; what waited to be sent again is held for the next
    /// daemon (kernel: `auditd_reset`).
    pub(super) fn reset_registration(&mut self, number: u64, now: Now) {
        if self.registration.is_some_and(|registration| registration.number == number) {
            let pid = self.registered_pid().host;
            self.registration = None;
            self.output.push_back(Action::Notice(Notice::Daemon { pid, registered: false }));
            self.flush_retry_to_hold(now);
        }
    }
}
