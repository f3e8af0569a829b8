//! `auditns probe`.

use crate::options::Probe;
use crate::terminal::line;
use auditns_sys::probe::{Finding, Report, Support};
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

/// The JSON form; fields are only ever added.
#[derive(Serialize)]
struct Json<'a> {
    /// Whether auditns can run here.
    usable: bool,
    /// Release of the running kernel.
    kernel: &'a str,
    /// Login uid of the caller; null when unset.
    loginuid: Option<u32>,
    features: Vec<JsonFeature<'a>>,
}

#[derive(Serialize)]
struct JsonFeature<'a> {
    name: &'static str,
    required: bool,
    supported: bool,
    /// Why not; null when supported.
    reason: Option<&'a str>,
}

pub(crate) fn run(options: &Probe) -> ExitCode {
    let report = match auditns_sys::probe::run() {
        Ok(report) => report,
        Err(error) => {
            line(&format!("this host could not be examined ({error}); is /proc mounted?"));
            return ExitCode::from(125);
        }
    };
    let usable = report.obstacles().next().is_none();
    let written = if options.json { write_json(&report, usable) } else { write_table(&report, usable) };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            line(&format!("the report could not be written ({error}); check where stdout leads"));
            ExitCode::from(125)
        }
        _ if usable => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

fn reason(finding: &Finding) -> Option<&str> {
    match &finding.support {
        Support::Supported => None,
        Support::Missing { reason } => Some(reason),
    }
}

fn write_json(report: &Report, usable: bool) -> io::Result<()> {
    let features = report
        .findings
        .iter()
        .map(|finding| JsonFeature {
            name: finding.feature.name(),
            required: finding.feature.required(),
            supported: finding.support.is_supported(),
            reason: reason(finding),
        })
        .collect();
    let unset = report.login.uid == u32::MAX;
    let json = Json {
        usable,
        kernel: &report.kernel.release,
        loginuid: (!unset).then_some(report.login.uid),
        features,
    };
    let text = serde_json::to_string_pretty(&json)?;
    writeln!(io::stdout(), "{text}")
}

fn write_table(report: &Report, usable: bool) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "kernel {}", report.kernel.release)?;
    let width = report.findings.iter().map(|finding| finding.feature.name().len()).max().unwrap_or(0);
    for finding in &report.findings {
        let (name, required) = (finding.feature.name(), finding.feature.required());
        let verdict = match (finding.support.is_supported(), required) {
            (true, _) => "yes",
            (false, true) => "NO",
            (false, false) => "no",
        };
        writeln!(out, "{name:width$}  {verdict:3}  {}", reason(finding).unwrap_or_default())?;
    }
    writeln!(out, "{}", if usable { "auditns can run here." } else { "auditns cannot run here." })
}
