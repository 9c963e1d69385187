//! Services: of what is called from outside its pod, and, for Prometheus to find it, of everything that is scraped.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Context, HTTP_NAME, POSTGRES, REDIS, meta, postgres, redis};
use crate::names::{Component, child};

/// The port of every component's Service.
pub const PORT: i32 = 80;

#[must_use]
pub fn build(ctx: Context<'_>) -> Vec<Service> {
    let called = move |component: &Component| match component {
        Component::Api | Component::Admin => true,
        Component::Bot | Component::Worker => ctx.is_public(*component) || ctx.is_scraped(),
    };
    let components =
        ctx.components().filter(called).map(|component| service(ctx, component.as_str(), HTTP_NAME, PORT, HTTP_NAME));
    let postgres = ctx.embedded_postgres().map(|_| service(ctx, POSTGRES, POSTGRES, postgres::PORT, POSTGRES));
    let redis = ctx.embedded_redis().map(|_| service(ctx, REDIS, REDIS, redis::PORT, REDIS));
    components.chain(postgres).chain(redis).collect()
}

fn service(ctx: Context<'_>, part: &str, port_name: &str, port: i32, target: &str) -> Service {
    Service {
        metadata: meta::owned(ctx.valid, child(&ctx.valid.name, part), part),
        spec: Some(ServiceSpec {
            selector: meta::selector(&ctx.valid.name, part).match_labels,
            ports: Some(vec![ServicePort {
                name: Some(port_name.to_owned()),
                port,
                target_port: Some(IntOrString::String(target.to_owned())),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
