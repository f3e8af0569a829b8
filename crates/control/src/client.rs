//! The client's end: one call after the other, each with a deadline.

use crate::Refusal;
use crate::interface::{
    CreateReply, CreateRequest, IntroduceRequest, JoinReply, JoinRequest, ListReply, NamespaceInfo, Nothing,
    PrepareReply, PrepareRequest, ReloadReply, SetReply, SetRequest, ShowReply, ShowRequest, SupervisorInfo,
    Which,
};
use crate::transport::{Reader, TooLong, send, wait_readable};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long connecting and each call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of a reply.
const REPLY_MAX: usize = 16 << 20;

/// How often something is asked. A supervisor that is replaced answers nothing, but one that ends because of a request must not
/// get it for ever.
const ATTEMPTS: usize = 3;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket is there and does not let this process in.
    #[error("the supervisor's socket {path:?} could not be connected ({source}); check who may use it")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The request cannot be written as JSON.
    #[error("the request could not be written as JSON ({0}); check names and values in it")]
    Encode(#[source] serde_json::Error),
    /// The call did not leave.
    #[error("the call could not be sent to the supervisor ({0}); check whether it runs, and try again")]
    Send(#[source] io::Error),
    /// The reply did not come.
    #[error("the supervisor's reply could not be received ({0}); check whether it runs, and try again")]
    Receive(#[source] io::Error),
    /// The supervisor is too slow.
    #[error("the supervisor did not answer within {} seconds; check whether it is stopped or overloaded", .0.as_secs())]
    TimedOut(Duration),
    /// The supervisor ended the connection.
    #[error("the supervisor ended the connection without an answer; connect again")]
    Closed,
    /// The reply has no end.
    #[error("the supervisor's reply has more than {0} bytes; check which program listens on the socket")]
    TooLong(usize),
    /// The reply is none.
    #[error(
        "the supervisor's reply does not make sense ({0}); client and supervisor may be of different versions"
    )]
    Reply(#[source] serde_json::Error),
    /// The supervisor does not know the call.
    #[error(
        "the supervisor does not understand the call ({0:?}); client and supervisor may be of different versions"
    )]
    NotUnderstood(String),
    /// The supervisor refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl ClientError {
    /// Whether the other end has ended.
    fn is_of_the_connection(&self) -> bool {
        matches!(self, ClientError::Send(_) | ClientError::Receive(_) | ClientError::Closed)
    }
}

#[derive(Serialize)]
struct Call<P> {
    method: &'static str,
    parameters: P,
}

#[derive(Deserialize)]
struct Reply<R> {
    parameters: R,
}

#[derive(Deserialize)]
struct Outcome {
    error: Option<String>,
}

/// A connection to the supervisor, and to its successor if it is replaced. After an error other than [`ClientError::Refused`]
/// and [`ClientError::NotUnderstood`] it has ended, and the next call connects anew.
///
/// What had no answer because the supervisor ended is asked of its successor: nothing that can be asked does more when it is
/// asked twice, but that a log may tell twice who joined.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    socket: UnixStream,
    reader: Reader,
    patience: Duration,
}

impl Client {
    /// Connects. `None` if there is no socket, or nobody listens on it.
    ///
    /// # Errors
    ///
    /// [`ClientError::Connect`] otherwise.
    pub fn connect(path: &Path) -> Result<Option<Client>, ClientError> {
        Client::connect_within(path, PATIENCE)
    }

    pub(crate) fn connect_within(path: &Path, patience: Duration) -> Result<Option<Client>, ClientError> {
        match connected(path, patience) {
            Ok(socket) => {
                Ok(Some(Client { path: path.to_owned(), socket, reader: Reader::new(REPLY_MAX), patience }))
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(ClientError::TimedOut(patience)),
            Err(source) => Err(ClientError::Connect { path: path.to_owned(), source }),
        }
    }

    /// The namespaces that this user may see.
    pub fn list(&mut self) -> Result<Vec<NamespaceInfo>, ClientError> {
        self.call("io.auditns.List", Nothing {}, &[]).map(|reply: ListReply| reply.namespaces)
    }

    /// One namespace.
    pub fn show(&mut self, which: Which) -> Result<NamespaceInfo, ClientError> {
        self.call("io.auditns.Show", ShowRequest::from(which), &[]).map(|reply: ShowReply| reply.namespace)
    }

    /// Changes a setting of a namespace.
    pub fn set(&mut self, request: &SetRequest) -> Result<SetReply, ClientError> {
        self.call("io.auditns.Set", request, &[])
    }

    /// Makes a namespace of the processes below the filter that the listener belongs to.
    pub fn create(
        &mut self,
        request: &CreateRequest,
        listener: BorrowedFd<'_>,
    ) -> Result<CreateReply, ClientError> {
        self.call("io.auditns.Create", request, &[listener])
    }

    /// What the configuration says of a namespace that would be made.
    pub fn prepare(&mut self, request: &PrepareRequest) -> Result<PrepareReply, ClientError> {
        self.call("io.auditns.Prepare", request, &[])
    }

    /// Adds the processes below the filter that the listener belongs to.
    pub fn join(
        &mut self,
        request: &JoinRequest,
        listener: BorrowedFd<'_>,
    ) -> Result<JoinReply, ClientError> {
        self.call("io.auditns.Join", request, &[listener])
    }

    /// Says which process a container began with.
    pub fn introduce(&mut self, request: &IntroduceRequest) -> Result<JoinReply, ClientError> {
        self.call("io.auditns.Introduce", request, &[])
    }

    /// Has the supervisor read its configuration again. Returns what it says about it.
    pub fn reload(&mut self) -> Result<Vec<String>, ClientError> {
        self.call("io.auditns.Reload", Nothing {}, &[]).map(|reply: ReloadReply| reply.messages)
    }

    /// What there is to know about the supervisor.
    pub fn supervisor(&mut self) -> Result<SupervisorInfo, ClientError> {
        self.call("io.auditns.GetSupervisor", Nothing {}, &[])
    }

    /// Waits until the supervisor has taken up the connection, and knows who is at this end. Costs it nothing, however many
    /// namespaces there are.
    pub fn greet(&mut self) -> Result<(), ClientError> {
        self.call("org.varlink.service.GetInfo", Nothing {}, &[]).map(|_: serde::de::IgnoredAny| ())
    }

    fn call<R: DeserializeOwned>(
        &mut self,
        method: &'static str,
        parameters: impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<R, ClientError> {
        let mut bytes = serde_json::to_vec(&Call { method, parameters }).map_err(ClientError::Encode)?;
        bytes.push(0);
        let reply = self.exchange_with_any(&bytes, descriptors).inspect_err(|_| {
            // A late reply must not be taken for that of the next call.
            let _ = self.socket.shutdown(Shutdown::Both);
        })?;
        decode(&reply)
    }

    /// Asks the supervisor, or the one that has taken its place.
    fn exchange_with_any(
        &mut self,
        call: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, ClientError> {
        let mut attempts = 1;
        loop {
            match self.exchange(call, descriptors) {
                Err(error) if error.is_of_the_connection() && attempts < ATTEMPTS => {
                    let Ok(Some(successor)) = Client::connect_within(&self.path, self.patience) else {
                        return Err(error);
                    };
                    *self = successor;
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    fn exchange(&mut self, call: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<Vec<u8>, ClientError> {
        let deadline = Instant::now() + self.patience;
        match send(self.socket.as_fd(), call, descriptors, deadline) {
            // The server may have said why before it closed.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
            sent => sent.map_err(|error| self.failure(error, ClientError::Send))?,
        }
        loop {
            match self.reader.take() {
                Ok(Some(message)) => return Ok(message.bytes),
                Ok(None) => {}
                Err(TooLong) => return Err(ClientError::TooLong(REPLY_MAX)),
            }
            let waited = wait_readable(self.socket.as_fd(), Some(deadline));
            match waited.and_then(|()| self.reader.fill(self.socket.as_fd())) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.failure(error, ClientError::Receive)),
            }
        }
    }

    fn failure(&self, error: io::Error, otherwise: fn(io::Error) -> ClientError) -> ClientError {
        match error.kind() {
            io::ErrorKind::TimedOut => ClientError::TimedOut(self.patience),
            io::ErrorKind::ConnectionReset => ClientError::Closed,
            _ => otherwise(error),
        }
    }
}

/// Connects and gives up when there is no room among those that wait to be accepted.
fn connected(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn decode<R: DeserializeOwned>(reply: &[u8]) -> Result<R, ClientError> {
    let outcome: Outcome = serde_json::from_slice(reply).map_err(ClientError::Reply)?;
    match outcome.error {
        None => {
            serde_json::from_slice(reply).map(|reply: Reply<R>| reply.parameters).map_err(ClientError::Reply)
        }
        Some(error) => Err(serde_json::from_slice::<Refusal>(reply)
            .map_or(ClientError::NotUnderstood(error), ClientError::Refused)),
    }
}
