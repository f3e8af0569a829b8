//! From the bytes of a call to the bytes of its reply.

use super::host::{Host, Peer};
use crate::Refusal;
use crate::interface::{
    CreateRequest, IntroduceRequest, JoinRequest, ListReply, Nothing, PrepareRequest, ReloadReply,
    SetRequest, ShowReply, ShowRequest,
};
use crate::service::{self, DescriptionRequest, ServiceError};
use crate::transport::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::os::fd::OwnedFd;

/// Most characters that are quoted of why parameters do not fit.
const QUOTED_MAX: usize = 200;

/// The bytes are not a Varlink call, so nothing after them can be trusted to be one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotACall;

/// Parameters are read later, into the types of the method: a tree of whatever a client sends would take a hundred
/// times the memory of the message.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    oneway: Option<bool>,
}

#[derive(Deserialize)]
struct CallParameters<P> {
    parameters: Option<P>,
}

#[derive(Serialize)]
struct Reply<R> {
    parameters: R,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Failure {
    Refused(Refusal),
    Call(ServiceError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refused(refusal)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        Failure::Call(error)
    }
}

/// Answers a call: the reply with the zero byte that ends it, or nothing if the client wants none.
pub(super) fn answer(host: &dyn Host, peer: Peer, message: Message) -> Result<Option<Vec<u8>>, NotACall> {
    let call: Call<'_> = serde_json::from_slice(&message.bytes).map_err(|_| NotACall)?;
    let reply = match run(host, peer, &call.method, &message.bytes, message.descriptors) {
        Ok(reply) => reply,
        Err(failure) => failed(&failure),
    };
    Ok((call.oneway != Some(true)).then_some(reply))
}

/// A refusal as a reply.
pub(super) fn refuse(refusal: Refusal) -> Vec<u8> {
    failed(&Failure::Refused(refusal))
}

fn run(
    host: &dyn Host,
    peer: Peer,
    method: &str,
    call: &[u8],
    descriptors: Vec<OwnedFd>,
) -> Result<Vec<u8>, Failure> {
    match method {
        "io.auditns.List" => {
            let Nothing {} = parameters(call)?;
            succeeded(ListReply { namespaces: host.list(peer)? })
        }
        "io.auditns.Show" => {
            let which = parameters::<ShowRequest>(call)?.which();
            let which =
                which.ok_or_else(|| invalid("give exactly one of name, contid, pid and container"))?;
            succeeded(ShowReply { namespace: host.show(peer, which)? })
        }
        "io.auditns.Set" => succeeded(host.set(peer, parameters::<SetRequest>(call)?)?),
        "io.auditns.Create" => {
            let request = parameters::<CreateRequest>(call)?;
            succeeded(host.create(peer, request, listener(descriptors)?)?)
        }
        "io.auditns.Prepare" => succeeded(host.prepare(peer, parameters::<PrepareRequest>(call)?)?),
        "io.auditns.Join" => {
            let request = parameters::<JoinRequest>(call)?;
            if request.name.is_some() == request.container.is_some() {
                return Err(invalid("give exactly one of name and container").into());
            }
            succeeded(host.join(peer, request, listener(descriptors)?)?)
        }
        "io.auditns.Introduce" => succeeded(host.introduce(peer, parameters::<IntroduceRequest>(call)?)?),
        "io.auditns.Reload" => {
            let Nothing {} = parameters(call)?;
            succeeded(ReloadReply { messages: host.reload(peer)? })
        }
        "io.auditns.GetSupervisor" => {
            let Nothing {} = parameters(call)?;
            succeeded(host.supervisor(peer)?)
        }
        "org.varlink.service.GetInfo" => {
            let Nothing {} = parameters(call)?;
            succeeded(service::info())
        }
        "org.varlink.service.GetInterfaceDescription" => {
            let request = parameters::<DescriptionRequest>(call)?;
            succeeded(service::describe(request.interface)?)
        }
        unknown => Err(service::unknown(unknown).into()),
    }
}

fn parameters<P: DeserializeOwned>(call: &[u8]) -> Result<P, ServiceError> {
    let read = serde_json::from_slice::<CallParameters<P>>(call).and_then(|call| match call.parameters {
        Some(parameters) => Ok(parameters),
        None => serde_json::from_str("{}"),
    });
    read.map_err(|error| invalid(&error.to_string()))
}

fn invalid(why: &str) -> ServiceError {
    ServiceError::InvalidParameter { parameter: why.chars().take(QUOTED_MAX).collect() }
}

/// The first descriptor; others are closed.
fn listener(descriptors: Vec<OwnedFd>) -> Result<OwnedFd, Refusal> {
    descriptors.into_iter().next().ok_or(Refusal::MissingDescriptor)
}

fn succeeded(parameters: impl Serialize) -> Result<Vec<u8>, Failure> {
    encode(&Reply { parameters })
        .map_err(|error| Failure::Refused(Refusal::Unavailable { why: error.to_string() }))
}

fn failed(failure: &Failure) -> Vec<u8> {
    encode(failure).unwrap_or_default()
}

/// JSON has no zero bytes: they are escaped in strings.
fn encode(reply: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(reply)?;
    bytes.push(0);
    Ok(bytes)
}
