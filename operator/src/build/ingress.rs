//! The ways in from outside: an Ingress for each public host, or a route at a Gateway for the webhook. Only the paths
//! that a role serves to the world are led to it, so that nobody reads its metrics by a public host.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};
use serde_json::{Value, json};

use super::{Context, HTTP_NAME, custom, meta, services};
use crate::names::Component;
use crate::objects::Kind;

/// A public host of one component.
struct Face<'a> {
    component: Component,
    host: &'a str,
    /// `Exact` or `Prefix`, and the path.
    paths: Vec<(&'static str, &'a str)>,
    class: Option<&'a str>,
    certificate: Option<&'a str>,
    annotations: BTreeMap<String, String>,
}

#[must_use]
pub fn ingresses(ctx: Context<'_>) -> Vec<Ingress> {
    let runs = |face: &Face| ctx.valid.inputs.contains_key(&face.component);
    faces(ctx).into_iter().filter(runs).map(|face| ingress(ctx, face)).collect()
}

fn faces(ctx: Context<'_>) -> Vec<Face<'_>> {
    let spec = &ctx.valid.spec;
    let webhook = ctx.valid.webhook.as_ref().zip(spec.telegram.webhook.as_ref());
    let bot = webhook.filter(|(_, hook)| hook.gateway_ref.is_none()).and_then(|(target, hook)| {
        Some(Face {
            component: Component::Bot,
            host: hook.host.as_deref()?,
            paths: vec![("Exact", target.path.as_str())],
            class: hook.ingress_class_name.as_deref(),
            certificate: hook.tls_secret_name.as_deref(),
            annotations: hook.annotations.clone(),
        })
    });
    let api = spec.api.host.as_deref().map(|host| Face {
        component: Component::Api,
        host,
        paths: vec![("Prefix", "/api"), ("Prefix", "/docs")],
        class: spec.api.ingress_class_name.as_deref(),
        certificate: spec.api.tls_secret_name.as_deref(),
        annotations: BTreeMap::new(),
    });
    let admin = spec.admin.host.as_deref().map(|host| Face {
        component: Component::Admin,
        host,
        paths: vec![("Prefix", "/admin")],
        class: spec.admin.ingress_class_name.as_deref(),
        certificate: spec.admin.tls_secret_name.as_deref(),
        annotations: BTreeMap::new(),
    });
    [bot, api, admin].into_iter().flatten().collect()
}

fn ingress(ctx: Context<'_>, face: Face<'_>) -> Ingress {
    let Face { component, host, paths, class, certificate, annotations } = face;
    let path = |(kind, path): (&str, &str)| HTTPIngressPath {
        path: Some(path.to_owned()),
        path_type: kind.to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: ctx.name(component),
                port: Some(ServiceBackendPort { name: Some(HTTP_NAME.to_owned()), number: None }),
            }),
            resource: None,
        },
    };
    let mut metadata = meta::owned(ctx.valid, ctx.name(component), component.as_str());
    metadata.annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: class.map(str::to_owned),
            rules: Some(vec![IngressRule {
                host: Some(host.to_owned()),
                http: Some(HTTPIngressRuleValue { paths: paths.into_iter().map(path).collect() }),
            }]),
            tls: certificate.map(|name| {
                vec![IngressTLS { hosts: Some(vec![host.to_owned()]), secret_name: Some(name.to_owned()) }]
            }),
            default_backend: None,
        }),
        status: None,
    }
}

/// The webhook's route at a Gateway, when one is asked for and the cluster knows Gateways.
#[must_use]
pub fn http_route(ctx: Context<'_>) -> Option<Value> {
    if !ctx.found.apis.has(Kind::HttpRoute) {
        return None;
    }
    let target = ctx.valid.webhook.as_ref()?;
    let hook = ctx.valid.spec.telegram.webhook.as_ref()?;
    let gateway = hook.gateway_ref.as_ref()?;
    let mut parent = json!({"name": gateway.name});
    let options = [("namespace", &gateway.namespace), ("sectionName", &gateway.section_name)];
    for (field, value) in options {
        if let Some(value) = value {
            parent[field] = json!(value);
        }
    }
    let mut spec = json!({
        "parentRefs": [parent],
        "rules": [{
            "matches": [{"path": {"type": "Exact", "value": target.path}}],
            "backendRefs": [{"name": ctx.name(Component::Bot), "port": services::PORT}],
        }],
    });
    if let Some(host) = &hook.host {
        spec["hostnames"] = json!([host]);
    }
    let mut metadata = meta::owned(ctx.valid, ctx.name(Component::Bot), Component::Bot.as_str());
    metadata.annotations = Some(hook.annotations.clone()).filter(|annotations| !annotations.is_empty());
    Some(custom(Kind::HttpRoute, &metadata, &spec))
}
