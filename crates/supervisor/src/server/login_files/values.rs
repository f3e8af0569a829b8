//! What a file says, and what writing to it does.

use super::super::Server;
use super::{LoginCall, ReadAnswer, WriteAnswer, Written};
use crate::identity::Waiter;
use crate::state::LoginFileState;
use crate::time::{now, started};
use auditns_core::{Input, ProcessId, Sender, refusal_of_write};
use auditns_sys::identity::details;
use auditns_sys::identity::process::start_time;
use auditns_wire::Errno;
use auditns_wire::record::{Ids, Viewed};

/// A write of a member.
struct Write<'w> {
    call: u64,
    writer: u32,
    offset: u64,
    text: &'w [u8],
    length: u32,
}

impl Server<'_> {
    /// Does what a member wants of its file.
    pub(crate) fn serve_login_call(&mut self, call: LoginCall) {
        match call {
            LoginCall::Read { number, answer } => self.read_login(number, answer),
            LoginCall::Write { number, call, writer, offset, text, length, answer } => {
                let write = Write { call, writer, offset, text: &text, length };
                self.write_login(number, &write, answer);
            }
            LoginCall::Closed { number } => self.close_login_file(number),
        }
        self.perform();
    }

    fn read_login(&mut self, number: u64, answer: ReadAnswer) {
        let Some(state) = self.login_files.open.get(&number).copied() else { return answer(Err(Errno::EIO)) };
        let LoginFileState { namespace, session, task, process } = state;
        if !lives(task) {
            return answer(Err(Errno::ESRCH));
        }
        let source = self.login_source(namespace, task.pid, process);
        let Some(found) = self.namespace.family().get(namespace) else { return answer(Err(Errno::EIO)) };
        let login = found.login_of(process, source);
        answer(Ok(if session { login.ses } else { login.auid.namespace }));
    }

    fn write_login(&mut self, number: u64, write: &Write<'_>, answer: WriteAnswer) {
        let Some(state) = self.login_files.open.get(&number).copied() else { return answer(Err(Errno::EIO)) };
        let LoginFileState { namespace, process, .. } = state;
        let (mut sender, tty) = match self.writer(state, write) {
            Ok(found) => found,
            Err(errno) => return answer(Err(errno)),
        };
        let own = write.writer == state.task.pid;
        let auid = refusal_of_write(own, write.offset, write.text);
        let auid = auid.and_then(|auid| self.auid_written(namespace, auid));
        let Ok(ticks) = start_time(write.writer) else { return answer(Err(Errno::ESRCH)) };
        let task = ProcessId { pid: write.writer, started: started(ticks) };
        sender.login = self.login_source(namespace, write.writer, process);
        self.login_files.written = Some(Written { call: write.call, answer });
        let input = Input::LoginuidWritten {
            call: write.call,
            writer: &sender,
            task,
            tty: tty.as_bytes(),
            auid,
            length: write.length,
        };
        self.namespace.handle_in(namespace, input, now());
        self.perform();
        if let Some(Written { answer, .. }) = self.login_files.written.take() {
            answer(Err(Errno::EIO));
        }
        self.forget_ended(namespace);
    }

    /// Who writes, and on which terminal it is.
    fn writer(&mut self, state: LoginFileState, write: &Write<'_>) -> Result<(Sender, String), Errno> {
        let identity = self.nest.identity(state.namespace, &mut self.owner, &mut self.resolver);
        let (owner, resolver) = identity.ok_or(Errno::EIO)?;
        // It waits in its call until it has the answer.
        let Waiter { sender, .. } = resolver.waiter(write.writer, owner).map_err(|_| Errno::ESRCH)?;
        let tty = details::of(write.writer).map_or_else(|_| "(none)".to_owned(), |found| found.terminal);
        Ok((sender, tty))
    }

    /// A user id as the writer says it.
    fn auid_written(&mut self, namespace: u64, auid: u32) -> Result<Viewed<u32>, Errno> {
        if auid == Ids::UNSET {
            return Ok(Viewed { namespace: auid, host: auid });
        }
        let identity = self.nest.identity(namespace, &mut self.owner, &mut self.resolver);
        let host = identity.and_then(|(owner, _)| owner.uid_outside(auid)).ok_or(Errno::EINVAL)?;
        Ok(Viewed { namespace: auid, host })
    }

    /// Does what [`auditns_core::Action::LoginuidAnswer`] asks for.
    pub(in crate::server) fn answer_login_write(&mut self, call: u64, result: Result<u32, Errno>) {
        if let Some(Written { answer, .. }) = self.login_files.written.take_if(|written| written.call == call)
        {
            answer(result);
        }
    }
}

fn lives(task: ProcessId) -> bool {
    start_time(task.pid).is_ok_and(|ticks| started(ticks) == task.started)
}
