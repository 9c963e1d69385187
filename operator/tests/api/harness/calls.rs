//! What a request to the API server asks for, in the words of RBAC.

use axum::http::{Method, Uri};

/// One request as the API server's authorizer sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    pub verb: &'static str,
    pub group: String,
    /// `deployments` or `vittebots/status`; a path such as `/version` when it is no resource.
    pub resource: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

impl Call {
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let (group, rest) = match parts.as_slice() {
            ["api", "v1", rest @ ..] if !rest.is_empty() => (String::new(), rest),
            ["apis", group, _version, rest @ ..] if !rest.is_empty() => ((*group).to_owned(), rest),
            _ => {
                let resource = uri.path().to_owned();
                return Self { verb: "get", group: String::new(), resource, namespace: None, name: None };
            }
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let name = rest.get(1).map(|name| (*name).to_owned());
        let resource = match rest {
            [resource, _, sub, ..] => format!("{resource}/{sub}"),
            [resource, ..] => (*resource).to_owned(),
            [] => String::new(),
        };
        let watches = uri.query().is_some_and(|query| query.split('&').any(|p| p == "watch=true" || p == "watch=1"));
        let verb = match (method.as_str(), &name) {
            ("GET", _) if watches => "watch",
            ("GET", Some(_)) => "get",
            ("GET", None) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", Some(_)) => "delete",
            ("DELETE", None) => "deletecollection",
            _ => "other",
        };
        Self { verb, group, resource, namespace, name }
    }

    /// Whether it changes what the cluster is made of. Leases beat and events tell: neither is state.
    pub fn writes(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch" | "delete" | "deletecollection")
            && !matches!(self.resource.as_str(), "leases" | "events" | "selfsubjectaccessreviews")
    }

    /// `patch deployments luna-bot`.
    pub fn words(&self) -> String {
        format!("{} {} {}", self.verb, self.resource, self.name.as_deref().unwrap_or("-"))
    }
}

#[test]
fn requests_are_read_as_the_authorizer_reads_them() {
    let call = |method: &str, uri: &str| {
        let call = Call::of(&method.parse().unwrap(), &uri.parse().unwrap());
        format!("{} {:?} in {}", call.words(), call.group, call.namespace.as_deref().unwrap_or("-"))
    };
    let cases = [
        ("GET", "/api/v1/namespaces/a/pods?watch=true", "watch pods - \"\" in a"),
        ("GET", "/api/v1/namespaces/a/pods/p/log", "get pods/log p \"\" in a"),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d?force=true", "patch deployments d \"apps\" in a"),
        ("GET", "/apis/vitte.dev/v1alpha1/vittebots?limit=500", "list vittebots - \"vitte.dev\" in -"),
        ("DELETE", "/api/v1/namespaces/a", "delete namespaces a \"\" in -"),
        ("GET", "/apis/apps/v1", "get /apis/apps/v1 - \"\" in -"),
        ("GET", "/version", "get /version - \"\" in -"),
    ];
    for (method, uri, expected) in cases {
        assert_eq!(call(method, uri), expected);
    }
}
