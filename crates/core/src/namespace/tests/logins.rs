//! Login user ids and sessions of the namespace's own.

use super::super::logins::Logins;
use super::rig::{Member, Rig};
use crate::action::Action;
use crate::sender::{Capabilities, ProcessId};
use crate::{Input, Login, LoginSource};
use auditns_wire::Errno;
use auditns_wire::message_type::SET_FEATURE;
use auditns_wire::payload::{Features, Status};
use auditns_wire::record::{Ids, Viewed};
use std::time::Duration;

/// Of the owner user namespace of these tests.
const SHIFT: u32 = 100_000;
const NOTHING: Capabilities = Capabilities { control: false, write: true, read: false };

fn rig() -> Rig {
    let mut rig = Rig::with(|config| config.own_logins = true);
    rig.stored();
    rig
}

/// A process that started now, with a login of the kernel's.
fn member(rig: &mut Rig, pid: u32) -> Member {
    let mut member = rig.member(pid);
    member.sender.process = ProcessId { pid, started: rig.clock };
    for ids in [&mut member.sender.ids.namespace, &mut member.sender.ids.host] {
        (ids.auid, ids.ses) = (4242, 77);
    }
    member
}

fn viewed(auid: u32) -> Viewed<u32> {
    Viewed { namespace: auid, host: if auid == Ids::UNSET { auid } else { auid + SHIFT } }
}

fn descends(rig: &mut Rig, member: &Member, ancestors: &[ProcessId]) {
    let Member { sender, .. } = member;
    assert!(rig.namespace.lacks_login(sender.process, sender.login));
    rig.input(Input::Descends { process: sender.process, ancestors });
    assert!(!rig.namespace.lacks_login(sender.process, sender.login));
}

/// A child that was forked now.
fn child(rig: &mut Rig, pid: u32, ancestors: &[&Member]) -> Member {
    let child = member(rig, pid);
    let ancestors: Vec<ProcessId> = ancestors.iter().map(|known| known.sender.process).collect();
    descends(rig, &child, &ancestors);
    child
}

fn answer(rig: &Rig, call: u64) -> Vec<Result<u32, Errno>> {
    let answers = rig.trace.iter().filter_map(|action| match action {
        Action::LoginuidAnswer { call: to, result } if *to == call => Some(*result),
        _ => None,
    });
    answers.collect()
}

fn call(rig: &mut Rig, member: &Member, call: u64, auid: Result<Viewed<u32>, Errno>) {
    let (writer, task) = (&member.sender, member.sender.process);
    rig.input(Input::LoginuidWritten { call, writer, task, tty: b"(none)", auid, length: 4 });
}

fn write(rig: &mut Rig, member: &Member, auid: u32) -> Result<u32, Errno> {
    let number = rig.trace.len() as u64 + 1;
    call(rig, member, number, Ok(viewed(auid)));
    let answers = answer(rig, number);
    assert_eq!(answers.len(), 1, "one answer");
    answers[0]
}

fn login(rig: &Rig, member: &Member) -> (u32, u32) {
    let login = rig.namespace.login_of(member.sender.process, member.sender.login);
    assert_eq!(login.auid, viewed(login.auid.namespace));
    (login.auid.namespace, login.ses)
}

const UNSET: (u32, u32) = (Ids::UNSET, Ids::UNSET);

#[test]
fn a_login_has_a_session_and_stands_in_both_views() {
    let mut rig = rig();
    let listener = rig.member(2);
    rig.membership(&listener, 1, true).unwrap();
    rig.take(listener.endpoint);
    let sshd = child(&mut rig, 10, &[]);
    rig.stored();
    assert_eq!(login(&rig, &sshd), UNSET, "nobody has logged in, whatever the kernel has");
    assert_eq!(write(&mut rig, &sshd, 1000), Ok(4));
    assert_eq!(login(&rig, &sshd), (1000, 1));
    rig.say(&sshd, "op=login");
    let kernel = "host-login=4242 host-session=77";
    assert_eq!(
        rig.stored(),
        [
            format!(
                "LOGIN {kernel} pid=10 uid=0 old-auid=4294967295 auid=101000 tty=(none) old-ses=4294967295 ses=1 res=1"
            ),
            format!("USER_LOGIN {kernel} pid=10 uid=0 auid=101000 ses=1 msg='op=login'"),
        ]
    );
    let texts = rig.take(listener.endpoint).iter().map(super::request::Frame::text).collect::<Vec<_>>();
    assert_eq!(
        texts,
        [
            "pid=10 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=1 res=1",
            "pid=10 uid=0 auid=1000 ses=1 msg='op=login'"
        ]
    );
}

#[test]
fn children_inherit_what_their_line_had_when_it_was_forked() {
    let mut rig = rig();
    let init = child(&mut rig, 1, &[]);
    rig.advance(Duration::from_secs(1));
    let before = member(&mut rig, 11);
    rig.advance(Duration::from_secs(1));
    assert_eq!(write(&mut rig, &init, 1000), Ok(4));
    rig.advance(Duration::from_secs(1));
    let shell = child(&mut rig, 12, &[&init]);
    rig.advance(Duration::from_secs(1));
    let job = child(&mut rig, 13, &[&shell, &init]);
    assert_eq!(login(&rig, &shell), (1000, 1));
    assert_eq!(login(&rig, &job), (1000, 1));
    descends(&mut rig, &before, &[init.sender.process]);
    assert_eq!(login(&rig, &before), UNSET, "it was there before");
    assert_eq!(write(&mut rig, &init, 1001), Ok(4));
    assert_eq!((login(&rig, &init), login(&rig, &shell)), ((1001, 2), (1000, 1)));
    rig.advance(Duration::from_secs(1));
    let orphan = child(&mut rig, 14, &[]);
    assert_eq!(login(&rig, &orphan), UNSET, "its line is lost");
    let late = child(&mut rig, 15, &[&shell]);
    assert_eq!(login(&rig, &late), (1000, 1), "whoever was looked at is remembered");
}

#[test]
fn who_may_set_it_is_as_with_the_kernel() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    let user = child(&mut rig, 11, &[]).with(NOTHING);
    assert_eq!(write(&mut rig, &user, 7), Ok(4), "the first time anybody may");
    rig.stored();
    for auid in [8, 7, Ids::UNSET] {
        assert_eq!(write(&mut rig, &user, auid), Err(Errno::EPERM));
    }
    let shown = "LOGIN host-login=4242 host-session=77 pid=11 uid=0 old-auid=100007 auid=100008 tty=(none) old-ses=1 \
                 ses=4294967295 res=0";
    assert_eq!(rig.stored()[0], shown);
    assert_eq!(login(&rig, &user), (7, 1));
    for auid in [1000, 1001, Ids::UNSET, 1002] {
        assert_eq!(write(&mut rig, &root, auid), Ok(4), "{auid}");
    }
    assert_eq!(login(&rig, &root), (1002, 4), "unsetting takes no session");
}

#[test]
fn the_namespaces_own_features_decide() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    let features = |rig: &mut Rig, features| {
        let wanted = Features { version: 1, mask: 3, features, lock: 0 };
        assert_eq!(rig.ask(&root, SET_FEATURE, &wanted.encode()), 0);
    };
    assert_eq!(write(&mut rig, &root, 1000), Ok(4));
    features(&mut rig, 1);
    assert_eq!(write(&mut rig, &root, 1001), Err(Errno::EPERM), "only_unset_loginuid");
    assert_eq!(write(&mut rig, &root, Ids::UNSET), Ok(4));
    assert_eq!(write(&mut rig, &root, 1002), Ok(4));
    features(&mut rig, 2);
    for auid in [1003, Ids::UNSET] {
        assert_eq!(write(&mut rig, &root, auid), Err(Errno::EPERM), "loginuid_immutable");
    }
    let other = child(&mut rig, 11, &[]).with(NOTHING);
    assert_eq!(write(&mut rig, &other, 55), Ok(4), "the first time");
    assert_eq!(write(&mut rig, &other, 56), Err(Errno::EPERM));
    features(&mut rig, 0);
    assert_eq!(write(&mut rig, &root, 1003), Ok(4));
}

#[test]
fn what_is_no_id_is_refused_without_a_record() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    for (number, errno) in [(1, Errno::EINVAL), (2, Errno::EPERM), (3, Errno::ERANGE)] {
        call(&mut rig, &root, number, Err(errno));
        assert_eq!(answer(&rig, number), [Err(errno)]);
    }
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(login(&rig, &root), UNSET);
}

#[test]
fn nothing_is_recorded_while_auditing_is_off() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    rig.set(&root, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(write(&mut rig, &root, 1000), Ok(4));
    assert_eq!((login(&rig, &root), rig.stored()), ((1000, 1), Vec::<String>::new()));
}

#[test]
fn a_call_that_comes_again_is_answered_again_and_not_done_again() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    for _ in 0..2 {
        call(&mut rig, &root, 9, Ok(viewed(1000)));
    }
    assert_eq!(answer(&rig, 9), [Ok(4), Ok(4)]);
    assert_eq!((login(&rig, &root), rig.stored().len()), ((1000, 1), 1));
    let kept = rig.trace.iter().filter(|action| matches!(action, Action::KeepLogin { .. }));
    assert_eq!(kept.count(), 1);
}

#[test]
fn what_the_kernel_keeps_with_a_task_counts() {
    let mut rig = rig();
    let mut shell = child(&mut rig, 10, &[]);
    let kept = Login { auid: viewed(1000), ses: 3 };
    shell.sender.login = LoginSource::Kept(kept);
    shell.sender.process.pid = 11;
    assert!(!rig.namespace.lacks_login(shell.sender.process, shell.sender.login));
    assert_eq!(login(&rig, &shell), (1000, 3));
    rig.say(&shell, "x");
    assert!(rig.stored()[0].contains(" auid=101000 ses=3 msg="));
    assert_eq!(write(&mut rig, &shell.with(NOTHING), 7), Err(Errno::EPERM));
    let set = rig.trace.iter().find_map(|action| match action {
        Action::KeepLogin { task, login } => Some((*task, *login)),
        _ => None,
    });
    assert_eq!(set, None);
    assert_eq!(write(&mut rig, &shell, 7), Ok(4));
    let expected = Action::KeepLogin { task: shell.sender.process, login: Login { auid: viewed(7), ses: 1 } };
    assert!(rig.trace.contains(&expected));
}

#[test]
fn members_with_the_kernels_login_are_as_before() {
    let mut rig = Rig::new();
    let member = member(&mut rig, 10);
    rig.stored();
    assert!(!rig.namespace.has_own_logins());
    assert!(!rig.namespace.lacks_login(member.sender.process, LoginSource::Kernel));
    rig.say(&member, "x");
    assert_eq!(rig.stored(), ["USER_LOGIN pid=10 uid=0 auid=4242 ses=77 msg='x'"]);
}

#[test]
fn the_tables_are_bounded_and_processes_that_ended_are_forgotten() {
    let mut rig = rig();
    let most = u32::try_from(Logins::PROCESSES).unwrap();
    let mut ended = Vec::new();
    for pid in 1..=most + 2 {
        let sender = super::rig::process(pid);
        let (process, auid) = (sender.process, Ok(viewed(pid)));
        rig.input(Input::Descends { process, ancestors: &[] });
        let call = u64::from(pid);
        rig.input(Input::LoginuidWritten { call, writer: &sender, task: process, tty: b"", auid, length: 1 });
        rig.trace.clear();
        if pid < most / 2 {
            assert_eq!(rig.namespace.processes_with_login(), []);
            ended.push(process);
        }
    }
    assert_eq!(rig.namespace.logins.lengths(), (Logins::PROCESSES, Logins::PROCESSES));
    assert_eq!(rig.namespace.processes_with_login().len(), Logins::PROCESSES);
    let process = |pid| super::rig::process(pid).process;
    assert!(rig.namespace.lacks_login(process(1), LoginSource::Kernel), "the one that started first");
    rig.input(Input::ProcessesEnded(&ended));
    assert_eq!(rig.namespace.processes_with_login(), []);
    assert_eq!(rig.namespace.login_of(process(most), LoginSource::Kernel).auid, viewed(most));
}

#[test]
fn many_settings_of_one_process_keep_the_last() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    for auid in 1..=100 {
        assert_eq!(write(&mut rig, &root, auid), Ok(4));
    }
    assert_eq!(login(&rig, &root), (100, 100));
}

#[test]
fn the_number_for_no_session_is_left_out() {
    let mut rig = rig();
    let root = child(&mut rig, 10, &[]);
    rig.namespace.logins.set_session(u32::MAX - 2);
    let sessions = [1, 2, 3].map(|auid| {
        assert_eq!(write(&mut rig, &root, auid), Ok(4));
        login(&rig, &root).1
    });
    assert_eq!(sessions, [u32::MAX - 1, 0, 1]);
}
