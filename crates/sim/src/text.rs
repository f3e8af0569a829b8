//! The texts of records, as the contract has them: written a second time, so that one is a check of the other.

use crate::seen::Kind;
use auditns_wire::record::{Ids, View, Viewed};

/// What a record says, without its stamp.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// A message of a program.
    Said(String),
    /// A setting is changed.
    Set { name: &'static str, new: Viewed<u32>, old: Viewed<u32>, done: bool },
    /// READLOG is joined or left.
    Listener { joins: bool, done: bool },
    /// The login uid is set; it was not set before.
    Login { done: bool },
}

impl Body {
    pub(crate) fn text(&self, ids: &Viewed<Ids>, view: View) -> String {
        let Ids { pid, uid, auid, ses } = *ids.get(view);
        match self {
            Body::Said(text) => format!("pid={pid} uid={uid} auid={auid} ses={ses} msg='{text}'"),
            Body::Set { name, new, old, done } => {
                let (new, old, done) = (new.get(view), old.get(view), u8::from(*done));
                format!("op=set {name}={new} old={old} auid={auid} ses={ses} res={done}")
            }
            Body::Listener { joins, done } => {
                let operation = if *joins { "connect" } else { "disconnect" };
                let done = u8::from(*done);
                format!(
                    "pid={pid} uid={uid} auid={auid} tty=(none) ses={ses} comm=\"reader\" exe=\"/bin/reader\" \
                     nl-mcgrp=1 op={operation} res={done}"
                )
            }
            Body::Login { done } => {
                let (unset, done) = (Ids::UNSET, u8::from(*done));
                format!(
                    "pid={pid} uid={uid} old-auid={unset} auid={auid} tty=(none) old-ses={unset} ses={ses} res={done}"
                )
            }
        }
    }
}

/// The name of a record's type in logs.
pub(crate) fn type_name(kind: Kind) -> &'static str {
    match kind {
        1006 => "LOGIN",
        1107 => "USER_AVC",
        1112 => "USER_LOGIN",
        1305 => "CONFIG_CHANGE",
        1335 => "EVENT_LISTENER",
        _ => "another type",
    }
}

/// By this the text of a message is known, wherever it turns up.
pub(crate) fn marker(contid: u64, sequence: u32) -> String {
    format!("n{contid}m{sequence}.")
}

/// The namespace and the message of a [`marker`].
pub(crate) fn marked(text: &str) -> Option<(u64, u32)> {
    let (_, marker) = text.split_once("msg='n")?;
    let (contid, sequence) = marker.split_once('.')?.0.split_once('m')?;
    Some((contid.parse().ok()?, sequence.parse().ok()?))
}
