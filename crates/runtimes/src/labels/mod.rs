//! What annotations say of a container, and ask for it.
//!
//! containerd's CRI plugin writes `io.kubernetes.cri.*`, CRI-O `io.kubernetes.pod.*`, nerdctl `nerdctl/*`, podman the
//! manager alone, docker nothing.

mod name;
mod wishes;

pub use wishes::{Mode, WishError, Wishes};

use name::valid;
use std::collections::BTreeMap;

/// Longest value of a field, in bytes: the longest name in Kubernetes.
pub const FIELD_MAX: usize = 253;

/// Prefixes of the annotations that are read here.
const READ: [&str; 5] =
    [wishes::PREFIX, "io.container.manager", "io.kubernetes.", "nerdctl/name", "nerdctl/namespace"];
/// As much of an annotation is read, in bytes.
const ANNOTATION_MAX: usize = 4096;

/// The annotations that say something here; containers can have many others, and long ones.
pub fn relevant(annotations: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_read = |key: &String| READ.iter().any(|prefix| key.starts_with(prefix));
    let kept = annotations
        .into_iter()
        .filter(|(key, value)| is_read(key) && key.len() <= ANNOTATION_MAX && value.len() <= ANNOTATION_MAX);
    kept.collect()
}

/// What Kubernetes calls a container. Not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container within the pod. `None` for the pod's sandbox.
    pub container: Option<String>,
}

/// What is known of a container. Texts are the manager's and the container's owner's: not escaped, of any length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The id that the runtime was given.
    pub container_id: String,
    /// The manager: `containerd`, `cri-o`, `podman`, `nerdctl`, or what it calls itself.
    pub manager: Option<String>,
    /// In Kubernetes.
    pub kubernetes: Option<Kubernetes>,
    /// The name that people gave it, where the manager tells; that of nerdctl.
    pub container_name: Option<String>,
    /// nerdctl's namespace, where the name holds.
    pub container_namespace: Option<String>,
    /// What `io.auditns.name` asks for, if it is a name.
    pub wished_name: Option<String>,
}

impl Labels {
    /// Labels of a container.
    pub fn new(container_id: &str, annotations: &BTreeMap<String, String>) -> Labels {
        let annotations = Annotations(annotations);
        Labels {
            container_id: container_id.to_owned(),
            manager: annotations.manager(),
            kubernetes: annotations.kubernetes(),
            container_name: annotations.get("nerdctl/name"),
            container_namespace: annotations.get("nerdctl/namespace"),
            wished_name: annotations.get(wishes::NAME).filter(|name| valid(name)),
        }
    }

    /// A name for the container's audit namespace: 1 to 64 letters, digits, `.`, `_`, `-` or `:`, the first one a letter or
    /// digit. What has to be changed or cut for this ends in a hash of the whole.
    pub fn name(&self) -> String {
        if let Some(name) = self.wished_name.as_deref().filter(|name| valid(name)) {
            return name.to_owned();
        }
        if let Some(Kubernetes { namespace, pod, container }) = &self.kubernetes {
            let parts = [Some(namespace), Some(pod), container.as_ref()];
            return name::joined(&parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>());
        }
        if let Some(name) = &self.container_name {
            return match self.container_namespace.as_deref() {
                None | Some("default") => name::single(name),
                Some(namespace) => name::joined(&[namespace, name]),
            };
        }
        name::of_id(&self.container_id)
    }

    /// Fields for the record of the namespace's start, by their names: `ctr-id`, `k8s-ns`, `k8s-pod`, `k8s-ctr`, `ctr-name`,
    /// as far as they are known. Values have 1 to [`FIELD_MAX`] bytes and are not escaped.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let kubernetes = self.kubernetes.as_ref();
        let known = [
            ("ctr-id", Some(&self.container_id)),
            ("k8s-ns", kubernetes.map(|pod| &pod.namespace)),
            ("k8s-pod", kubernetes.map(|pod| &pod.pod)),
            ("k8s-ctr", kubernetes.and_then(|pod| pod.container.as_ref())),
            ("ctr-name", self.container_name.as_ref()),
        ];
        let present = known.into_iter().filter_map(|(field, value)| Some((field, value?)));
        present
            .filter(|(_, value)| !value.is_empty())
            .map(|(field, value)| (field, name::cut(value, FIELD_MAX).to_owned()))
            .collect()
    }
}

struct Annotations<'a>(&'a BTreeMap<String, String>);

impl Annotations<'_> {
    /// Empty values are absent ones.
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|value| !value.is_empty()).cloned()
    }

    fn any(&self, prefix: &str) -> bool {
        self.0.range(prefix.to_owned()..).next().is_some_and(|(key, _)| key.starts_with(prefix))
    }

    fn manager(&self) -> Option<String> {
        match self.get("io.container.manager") {
            Some(manager) if manager == "libpod" => Some("podman".to_owned()),
            Some(manager) => Some(name::cut(&manager, FIELD_MAX).to_owned()),
            None if self.any("io.kubernetes.cri.") => Some("containerd".to_owned()),
            None if self.any("nerdctl/") => Some("nerdctl".to_owned()),
            None => None,
        }
    }

    fn kubernetes(&self) -> Option<Kubernetes> {
        let containerd = self.pod(
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.cri.container-name",
            "io.kubernetes.cri.container-type",
        );
        containerd.or_else(|| {
            self.pod(
                "io.kubernetes.pod.namespace",
                "io.kubernetes.pod.name",
                "io.kubernetes.container.name",
                "io.kubernetes.cri-o.ContainerType",
            )
        })
    }

    fn pod(&self, namespace: &str, pod: &str, container: &str, kind: &str) -> Option<Kubernetes> {
        let sandbox = self.get(kind).is_some_and(|kind| kind == "sandbox");
        Some(Kubernetes {
            namespace: self.get(namespace)?,
            pod: self.get(pod)?,
            // CRI-O calls the sandbox so.
            container: self.get(container).filter(|name| !sandbox && name != "POD"),
        })
    }
}

#[cfg(test)]
mod tests;
