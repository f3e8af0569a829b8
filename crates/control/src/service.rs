//! `org.varlink.service`, which every Varlink service has: what the service is, and errors of calls as such.

use crate::interface;
use serde::{Deserialize, Serialize};

/// The interface's name.
const NAME: &str = "org.varlink.service";

/// The interface file of the Varlink project.
const DESCRIPTION: &str = include_str!("org.varlink.service.varlink");

/// Errors of calls. Its serialised form is the whole reply.
#[derive(Debug, Serialize)]
#[serde(tag = "error", content = "parameters")]
pub(crate) enum ServiceError {
    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound { interface: String },
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound { method: String },
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter { parameter: String },
}

/// What `GetInfo` returns.
#[derive(Debug, Serialize)]
pub(crate) struct Info {
    vendor: &'static str,
    product: &'static str,
    version: &'static str,
    url: &'static str,
    interfaces: [&'static str; 2],
}

/// Which interface is to be described.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescriptionRequest {
    pub(crate) interface: String,
}

/// An interface file.
#[derive(Debug, Serialize)]
pub(crate) struct DescriptionReply {
    description: &'static str,
}

/// What this service is.
pub(crate) fn info() -> Info {
    Info {
        vendor: "auditns",
        product: "auditns supervisor",
        version: env!("CARGO_PKG_VERSION"),
        url: "",
        interfaces: [NAME, interface::NAME],
    }
}

/// The file of an interface.
pub(crate) fn describe(interface: String) -> Result<DescriptionReply, ServiceError> {
    let description = match interface.as_str() {
        NAME => DESCRIPTION,
        interface::NAME => interface::DESCRIPTION,
        _ => return Err(ServiceError::InterfaceNotFound { interface }),
    };
    Ok(DescriptionReply { description })
}

/// Why there is no such method.
pub(crate) fn unknown(method: &str) -> ServiceError {
    match method.rsplit_once('.') {
        Some((NAME | interface::NAME, _)) => ServiceError::MethodNotFound { method: method.to_owned() },
        Some((interface, _)) => ServiceError::InterfaceNotFound { interface: interface.to_owned() },
        None => ServiceError::InterfaceNotFound { interface: method.to_owned() },
    }
}
