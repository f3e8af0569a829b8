//! What clients of the control interface send.

use auditns_control::Refusal;
use auditns_control::interface::{
    CreateReply, CreateRequest, IntroduceRequest, JoinReply, JoinRequest, NamespaceInfo, PrepareReply,
    PrepareRequest, SetReply, SetRequest, SupervisorInfo, Which,
};
use auditns_control::server::{Host, Peer, replies};
use serde_json::{Map, Value};
use std::os::fd::OwnedFd;

const PEER: Peer = Peer { uid: 1000, gid: 1000, pid: 1, login: (u32::MAX, u32::MAX) };

/// How what a client sends is cut does not matter; each call gets at most one reply, which is one object with parameters and
/// an error that is known, if there is one.
pub fn conversation(bytes: &[u8]) {
    let whole = replies(&Echo, PEER, [bytes]);
    for size in [1, 7, 4096] {
        assert!(replies(&Echo, PEER, bytes.chunks(size)) == whole, "other replies in pieces of {size} bytes");
    }
    // And one more for a message without an end.
    let most = bytes.split(|byte| *byte == 0).count();
    let mut answered = 0;
    for reply in whole.split_inclusive(|byte| *byte == 0) {
        answered += 1;
        let reply = reply.strip_suffix(&[0]).expect("a reply has an end");
        let reply: Map<String, Value> = serde_json::from_slice(reply).expect("a reply is an object");
        match reply.get("error") {
            Some(Value::String(error)) => {
                let known = ["io.auditns.", "org.varlink.service."];
                assert!(known.iter().any(|interface| error.starts_with(interface)), "{error}");
            }
            other => assert!(other.is_none() && reply["parameters"].is_object(), "{reply:?}"),
        }
    }
    assert!(answered <= most, "{answered} replies to less than {most} calls");
}

/// Says what it was asked.
struct Echo;

impl Host for Echo {
    fn list(&self, _: Peer) -> Result<Vec<NamespaceInfo>, Refusal> {
        Ok(vec![NamespaceInfo::default()])
    }

    fn show(&self, _: Peer, which: Which) -> Result<NamespaceInfo, Refusal> {
        match which {
            Which::Name(name) => Err(Refusal::NoSuchNamespace { which: name }),
            Which::Contid(contid) => Ok(NamespaceInfo { contid, ..NamespaceInfo::default() }),
            Which::Pid(pid) => Ok(NamespaceInfo { pid, ..NamespaceInfo::default() }),
            Which::Container(container) => {
                Ok(NamespaceInfo { container: container.id, ..NamespaceInfo::default() })
            }
        }
    }

    fn set(&self, _: Peer, request: SetRequest) -> Result<SetReply, Refusal> {
        Ok(SetReply { before: request.key, after: request.value })
    }

    fn create(&self, _: Peer, _: CreateRequest, _: OwnedFd) -> Result<CreateReply, Refusal> {
        unreachable!("no descriptor came with the call");
    }

    fn prepare(&self, _: Peer, request: PrepareRequest) -> Result<PrepareReply, Refusal> {
        Ok(PrepareReply { loginuid: request.runtime, own_logins: false })
    }

    fn join(&self, _: Peer, _: JoinRequest, _: OwnedFd) -> Result<JoinReply, Refusal> {
        unreachable!("no descriptor came with the call");
    }

    fn introduce(&self, _: Peer, request: IntroduceRequest) -> Result<JoinReply, Refusal> {
        Ok(JoinReply { contid: u64::from(request.pid), name: request.container.id })
    }

    fn reload(&self, _: Peer) -> Result<Vec<String>, Refusal> {
        Err(Refusal::Unavailable { why: "there is nothing to reload".to_owned() })
    }

    fn supervisor(&self, _: Peer) -> Result<SupervisorInfo, Refusal> {
        Err(Refusal::NotPermitted { operation: "looking".to_owned(), why: "nobody may".to_owned() })
    }
}
