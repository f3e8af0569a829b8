//! `auditns probe`.

use crate::options::Probe;
use crate::terminal::line;
use auditns_bpf::membership::try_out;
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

/// One line of the table.
struct Row {
    name: &'static str,
    required: bool,
    /// Why not; `None` when supported.
    reason: Option<String>,
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
    let rows: Vec<Row> = report.findings.iter().map(row).chain([membership()]).collect();
    let written =
        if options.json { write_json(&report, &rows, usable) } else { write_table(&report, &rows, usable) };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            line(&format!("the report could not be written ({error}); check where stdout leads"));
            ExitCode::from(125)
        }
        _ if usable => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

fn row(finding: &Finding) -> Row {
    let reason = match &finding.support {
        Support::Supported => None,
        Support::Missing { reason } => Some(reason.clone()),
    };
    Row { name: finding.feature.name(), required: finding.feature.required(), reason }
}

/// Whether a supervisor could have the kernel tell which task is in which namespace.
fn membership() -> Row {
    let reason = try_out().err().map(|error| {
        let mut why = error.to_string();
        if let Some(first) = why.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        format!(
            "{why}. Without it a supervisor tells members by descent and looks senders up in /proc; records are the same."
        )
    });
    Row { name: "exact-membership", required: false, reason }
}

fn write_json(report: &Report, rows: &[Row], usable: bool) -> io::Result<()> {
    let features = rows
        .iter()
        .map(|row| JsonFeature {
            name: row.name,
            required: row.required,
            supported: row.reason.is_none(),
            reason: row.reason.as_deref(),
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

fn write_table(report: &Report, rows: &[Row], usable: bool) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "kernel {}", report.kernel.release)?;
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for Row { name, required, reason } in rows {
        let verdict = match (reason, required) {
            (None, _) => "yes",
            (Some(_), true) => "NO",
            (Some(_), false) => "no",
        };
        writeln!(out, "{name:width$}  {verdict:3}  {}", reason.as_deref().unwrap_or_default())?;
    }
    writeln!(out, "{}", if usable { "auditns can run here." } else { "auditns cannot run here." })
}
