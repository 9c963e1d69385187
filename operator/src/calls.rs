//! What a request to the API server asks for, in the terms of RBAC. Metrics count by it, and the door tells writes from
//! reads by it.

use axum::http::{Method, Uri};

/// One permission that a request needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// get, list, watch, create, update, patch, delete, deletecollection.
    pub verb: &'static str,
    /// Empty: the core group.
    pub group: String,
    /// The plural, like `deployments`.
    pub resource: String,
    /// Empty: the object itself.
    pub subresource: String,
    /// `None`: the whole cluster.
    pub namespace: Option<String>,
}

impl Call {
    /// `None` for a path that is no resource, as of discovery.
    #[must_use]
    pub fn of(method: &Method, uri: &Uri) -> Option<Self> {
        let mut parts = uri.path().split('/').filter(|part| !part.is_empty()).peekable();
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        let _version = parts.next()?;
        let mut namespace = None;
        // `/api/v1/namespaces/x` alone is the namespace itself.
        let mut rest: Vec<&str> = parts.collect();
        if rest.first() == Some(&"namespaces") && rest.len() > 2 {
            namespace = rest.get(1).map(|name| (*name).to_owned());
            rest.drain(..2);
        }
        let resource = *rest.first()?;
        let named = rest.len() > 1;
        let watches = || {
            let query = uri.query().unwrap_or_default();
            query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "watch"))
        };
        let verb = match *method {
            Method::GET if named => "get",
            Method::GET if watches() => "watch",
            Method::GET => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ => return None,
        };
        Some(Self {
            verb,
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: rest.get(2).map(|name| (*name).to_owned()).unwrap_or_default(),
            namespace,
        })
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn is_write(method: &Method) -> bool {
        !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_as_rbac_names_it() {
        let table = [
            (Method::GET, "/api/v1/secrets?watch=true&x=1", "watch  secrets  -"),
            (Method::GET, "/api/v1/namespaces/n/secrets/s", "get  secrets  n"),
            (Method::GET, "/api/v1/namespaces/n/configmaps?limit=5", "list  configmaps  n"),
            (Method::GET, "/api/v1/namespaces/n", "get  namespaces  -"),
            (Method::PATCH, "/apis/apps/v1/namespaces/n/deployments/d?force=true", "patch apps deployments  n"),
            (
                Method::PATCH,
                "/apis/vitte.dev/v1alpha1/namespaces/n/vittebots/b/status",
                "patch vitte.dev vittebots status n",
            ),
            (Method::POST, "/apis/batch/v1/namespaces/n/jobs", "create batch jobs  n"),
            (Method::DELETE, "/apis/batch/v1/namespaces/n/jobs/j", "delete batch jobs  n"),
        ];
        for (method, path, said) in table {
            let call = Call::of(&method, &path.parse().unwrap()).unwrap();
            let Call { verb, group, resource, subresource, namespace } = call;
            let namespace = namespace.unwrap_or_else(|| "-".to_owned());
            assert_eq!(format!("{verb} {group} {resource} {subresource} {namespace}"), said);
        }
        assert_eq!(Call::of(&Method::GET, &"/version".parse().unwrap()), None);
        assert_eq!(Call::of(&Method::GET, &"/apis/keda.sh/v1alpha1".parse().unwrap()), None);
    }
}
