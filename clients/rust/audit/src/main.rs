//! What a program on the audit crate does: status, rules, events of its own, all on one socket that is never bound.

use audit::packet::{AuditMessage, RuleAction, RuleField, RuleFieldFlags, RuleFlags, RuleMessage};
use audit::{Error, Handle};
use futures::{StreamExt, TryStreamExt, pin_mut};
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use std::time::Duration;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

/// `never,user` for one user id that nobody has.
fn rule_of_nobody() -> RuleMessage {
    let mut rule = RuleMessage::new();
    rule.flags = RuleFlags::FilterUser;
    rule.action = RuleAction::Never;
    rule.fields = vec![(RuleField::Uid(54321), RuleFieldFlags::Equal)];
    rule
}

/// How many rules are like `rule`. The crate's stream has no end when there is no rule, so it is asked only while there
/// is one.
async fn listed(handle: &mut Handle, rule: &RuleMessage) -> Result<usize, Error> {
    let rules = handle.list_rules().into_stream();
    pin_mut!(rules);
    let mut count = 0;
    while let Some(found) = rules.try_next().await? {
        count += usize::from(found.fields == rule.fields);
    }
    Ok(count)
}

async fn talk() -> Result<(), Error> {
    let (connection, mut handle, mut events) = audit::new_connection().expect("an audit socket opens");
    tokio::spawn(connection);
    let before = handle.get_status().await?;
    println!("status: enabled {}, failure {}", before.enabled, before.failure);

    let rule = rule_of_nobody();
    handle.add_rule(rule.clone()).await?;
    println!("rules: {}", listed(&mut handle, &rule).await?);
    println!("the same rule: {}", handle.add_rule(rule.clone()).await.is_err());
    handle.del_rule(rule.clone()).await?;
    println!("no such rule: {}", handle.del_rule(rule).await.is_err());

    handle.enable_events().await?;
    println!("registered: {}", handle.get_status().await?.pid == std::process::id());

    let (sender_connection, mut sender, _) = audit::new_connection().expect("an audit socket opens");
    tokio::spawn(sender_connection);
    let message = AuditMessage::Other((1112, "op=login acct=\"of-the-audit-crate\"\0".to_owned()));
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    assert!(sender.request(message)?.next().await.is_none(), "the message was refused");
    loop {
        let (message, from) = events.next().await.expect("the connection lasts");
        let NetlinkPayload::InnerMessage(AuditMessage::Other((kind, text))) = message.payload else {
            continue;
        };
        if let Some(at) = text.find("msg='op=login acct=\"of-the-audit-crate") {
            let sender = text.contains(&format!("): pid={} ", std::process::id()));
            println!("record {kind}: of this process {sender}, port {}, {}", from.port_number(), &text[at..]);
            break;
        }
    }
    handle.set_pid(0).await?;
    println!("registered: {}", handle.get_status().await?.pid);
    Ok(())
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let talked = runtime.block_on(async { timeout(LIMIT, talk()).await });
    talked.expect("answers within the limit").expect("requests that succeed");
}
