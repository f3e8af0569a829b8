//! `auditns runtime`: goes below a filter, has the supervisor serve it, and becomes the real OCI runtime.
//!
//! What a container manager asks of the runtime reaches it unchanged, and so do its descriptors. Of what is created the
//! namespace begins, what is executed in a container joins that of the container, everything else passes.

mod container;
mod program;
mod report;

use super::OWN_FAILURE;
use super::client::{Failure, find_patiently, loginuid};
use crate::options::Runtime;
use auditns_control::Refusal;
use auditns_control::client::{Client, ClientError};
use auditns_control::interface::{
    Container, CreateRequest, IntroduceRequest, JoinRequest, PrepareRequest, Which,
};
use auditns_policy::{OnMissing, Policy};
use auditns_runtimes::bundle::{self, Bundle, BundleError};
use auditns_runtimes::invocation::{Invocation, Verb};
use auditns_runtimes::labels::Wishes;
use auditns_sys::filter::FilterOptions;
use auditns_sys::launch::{self, Entered, LoginuidReset};
use container::{Identity, audit_can_be_reached, first_process};
use report::Reporter;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why the runtime is not executed.
#[derive(Debug, thiserror::Error)]
enum RuntimeError {
    #[error(
        "no supervisor serves in {}, so the container cannot get an audit namespace: start auditns.service, or see \
         on-missing in the policy", .0.display()
    )]
    NoSupervisor(PathBuf),
    #[error(
        "the argument {0:?} of the OCI runtime is not known to auditns, which therefore cannot tell whether a container is \
         to be made: use another version of auditns or of the runtime, or see on-missing in the policy"
    )]
    NotUnderstood(OsString),
    #[error(transparent)]
    Supervisor(#[from] Failure),
    #[error("the container cannot get its audit namespace: {0}")]
    Client(#[from] ClientError),
    #[error(transparent)]
    Policy(#[from] auditns_policy::PolicyError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Wish(#[from] auditns_runtimes::labels::WishError),
    #[error(
        "the container's seccomp profile has a listener of its own ({}), and the kernel allows one per process: take \
         listenerPath out of the profile, or annotate the container with io.auditns.off=true", .0.display()
    )]
    OtherListener(PathBuf),
    #[error(transparent)]
    Launch(#[from] launch::LaunchError),
    #[error(transparent)]
    Program(#[from] program::ProgramError),
}

/// Of these arguments nothing is to be understood: the runtime says something and ends.
const HELP: [&str; 5] = ["-h", "-?", "--help", "--usage", "--version"];

/// With the arguments of whoever calls `auditns runtime`.
pub(crate) fn run(runtime: &Runtime) -> ExitCode {
    wrap(runtime, &runtime.arguments)
}

/// As the program `auditns-NAME`, of which all arguments are the runtime's. `None` if that is not what it is called.
pub(crate) fn run_as_named(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let runtime = Runtime::named(program::wrapped(&arguments.next()?)?);
    let arguments: Vec<OsString> = arguments.collect();
    Some(wrap(&runtime, &arguments))
}

fn wrap(runtime: &Runtime, arguments: &[OsString]) -> ExitCode {
    let invocation = Invocation::parse(arguments);
    let reporter = Reporter::new(&invocation);
    let prepared = program::find(&runtime.program).map_err(RuntimeError::from).and_then(|program| {
        let wrapper = Wrapper { runtime, invocation: &invocation, reporter: &reporter };
        wrapper.prepare().map(|()| program)
    });
    let error = match prepared {
        Ok(program) => program::execute(&program, arguments).into(),
        Err(error) => error,
    };
    reporter.error(&error);
    ExitCode::from(OWN_FAILURE)
}

struct Wrapper<'a> {
    runtime: &'a Runtime,
    invocation: &'a Invocation,
    reporter: &'a Reporter,
}

impl Wrapper<'_> {
    /// Whatever has to happen before the runtime is executed.
    fn prepare(&self) -> Result<(), RuntimeError> {
        if let Some(argument) = &self.invocation.not_understood
            && !HELP.iter().any(|help| argument == help)
        {
            self.without(RuntimeError::NotUnderstood(argument.clone()))?;
        }
        let Some(container) = self.container() else { return Ok(()) };
        match self.invocation.verb {
            Verb::Create | Verb::Run | Verb::Restore => self.create(container),
            Verb::Exec => self.join(container),
            Verb::Start => {
                self.introduce(&container);
                Ok(())
            }
            Verb::Other => Ok(()),
        }
    }

    /// The container that the runtime is asked about. Without one it will refuse by itself.
    fn container(&self) -> Option<Container> {
        let id = self.invocation.container.clone()?;
        let root = self.invocation.root.as_ref().map(|root| root.to_string_lossy().into_owned());
        Some(Container { id, root: root.unwrap_or_default() })
    }

    fn create(&self, container: Container) -> Result<(), RuntimeError> {
        let folder = self.invocation.bundle.clone().unwrap_or_else(|| PathBuf::from("."));
        let bundle = match &self.invocation.configuration {
            Some(file) => bundle::read_configuration(&folder.join(file))?,
            None => bundle::read(&folder)?,
        };
        if Wishes::parse(&bundle.annotations)?.off {
            return Ok(());
        }
        let agent = self.runtime.supervisor.run_dir.join(crate::commands::supervise::OCI);
        match &bundle.listener_path {
            // The runtime itself has the supervisor serve the container.
            Some(path) if *path == agent => return Ok(()),
            Some(path) => return Err(RuntimeError::OtherListener(path.clone())),
            None => {}
        }
        // The supervisor learns who asks, and of which login, before the login uid is unset.
        let Some(mut client) = self.supervisor()? else { return Ok(()) };
        if bundle.refuses_audit() {
            self.reporter.warning(
                "the container's seccomp profile refuses audit sockets, so programs in it will find no audit: grant it \
                 CAP_AUDIT_WRITE, or use a profile without that rule (auditns profile --help)",
            );
        }
        let wanted = PrepareRequest {
            name: None,
            container: Some(container.clone()),
            runtime: program::name(&self.runtime.program),
            command: bundle.arguments.clone(),
            annotations: auditns_runtimes::labels::relevant(bundle.annotations.clone()),
        };
        let loginuid = loginuid(&mut client, &wanted, None)?;
        let entered = self.enter(&bundle, loginuid)?;
        let request = self.request(container, bundle, &entered);
        client.create(&request, entered.listener.as_fd())?;
        Ok(())
    }

    fn request(&self, container: Container, bundle: Bundle, entered: &Entered) -> CreateRequest {
        CreateRequest {
            container: Some(container),
            runtime: program::name(&self.runtime.program),
            pid: std::process::id(),
            no_new_privileges: entered.no_new_privileges || bundle.no_new_privileges,
            wait_killable: entered.wait_killable,
            loginuid: entered.loginuid.name().to_owned(),
            command: bundle.arguments,
            annotations: auditns_runtimes::labels::relevant(bundle.annotations),
            ..CreateRequest::default()
        }
    }

    fn join(&self, container: Container) -> Result<(), RuntimeError> {
        let Some(mut client) = self.supervisor()? else { return Ok(()) };
        let found = match client.show(Which::Container(container.clone())) {
            Ok(found) => found,
            // It was started without one.
            Err(ClientError::Refused(Refusal::NoSuchNamespace { .. })) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let loginuid = if found.own_logins { LoginuidReset::Virtual } else { LoginuidReset::Try };
        self.tell_first_process(&mut client, &container)?;
        let entered = self.enter(&Bundle::default(), loginuid)?;
        let request = JoinRequest {
            name: None,
            container: Some(container),
            pid: std::process::id(),
            wait_killable: entered.wait_killable,
        };
        client.join(&request, entered.listener.as_fd())?;
        Ok(())
    }

    /// What the supervisor does not learn by this, it learns when somebody is executed in the container.
    fn introduce(&self, container: &Container) {
        if let Ok(Some(mut client)) = find_patiently(&self.runtime.supervisor) {
            let _ = self.tell_first_process(&mut client, container);
        }
    }

    fn tell_first_process(&self, client: &mut Client, container: &Container) -> Result<(), ClientError> {
        let identity = Identity { id: &container.id, root: self.invocation.root.as_deref() };
        let Some(pid) = first_process(identity, &program::name(&self.runtime.program)) else { return Ok(()) };
        match client.introduce(&IntroduceRequest { container: container.clone(), pid }) {
            Ok(_) | Err(ClientError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The supervisor; `None` if none serves and the policy lets containers go on without.
    fn supervisor(&self) -> Result<Option<Client>, RuntimeError> {
        if let Some(client) = find_patiently(&self.runtime.supervisor)? {
            return Ok(Some(client));
        }
        self.without(RuntimeError::NoSupervisor(self.runtime.supervisor.run_dir.clone()))?;
        Ok(None)
    }

    /// Goes on without a namespace, if the policy lets containers do so.
    fn without(&self, why: RuntimeError) -> Result<(), RuntimeError> {
        match Policy::load(&self.runtime.config)?.on_missing() {
            OnMissing::Fail => Err(why),
            OnMissing::Skip => {
                self.reporter.warning(&format!("{why}; the policy lets it go on without an audit namespace"));
                Ok(())
            }
        }
    }

    fn enter(&self, bundle: &Bundle, loginuid: LoginuidReset) -> Result<Entered, RuntimeError> {
        let options = FilterOptions {
            notify_signals: true,
            refuse_io_uring: audit_can_be_reached(bundle),
            refuse_sender_handles: false,
        };
        let entered = launch::enter(options, loginuid)?;
        if entered.no_new_privileges && !bundle.no_new_privileges {
            self.reporter.warning(
                "without CAP_SYS_ADMIN the filter needs no-new-privileges, with which su and sudo gain nothing in the \
                 container: use the listener of the seccomp profile instead (auditns profile runc)",
            );
        }
        Ok(entered)
    }
}
