//! NetworkPolicies: nothing is allowed but what each part needs.
//!
//! ```text
//!            who may call it on 8080                            whom it may call
//!  bot       Telegram's way in (ingressFrom, or all)            DNS, database, Redis, Telegram, telemetry
//!  worker    nobody                                             and model, pictures, voice, payments
//!  api       ingressFrom, or all with a host                    DNS, database, Redis, telemetry, payments
//!  admin     ingressFrom, or all with a host                    DNS, database, Redis, telemetry, Telegram (replays)
//!  migrate   nobody                                             DNS, database
//!  postgres  the five above on 5432                             nobody
//!  redis     the first four on 6379                             nobody
//! ```
//!
//! `ingressFrom` reaches all four components, `egressTo` is reached by all but the embedded servers. Prometheus' pods
//! may scrape when a ServiceMonitor is asked for. A database or Redis known by a Secret alone is allowed by its usual
//! port, wherever it is: a policy made from a Secret's value would show a part of it. Another port needs `egressTo`.

mod reach;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use vitte_crds::network::NetworkPeer;

use self::reach::{Protocol, Reach, Where};
use super::{Context, HTTP, MIGRATE, POSTGRES, REDIS, autoscaling, meta, postgres, redis};
use crate::names::{Component, LABEL_BOT, LABEL_NAME, child};

const DEFAULT_DENY: &str = "default-deny";
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
const HTTPS: u16 = 443;

#[must_use]
pub fn build(ctx: Context<'_>) -> Vec<NetworkPolicy> {
    let policy = &ctx.valid.spec.network_policy;
    if !policy.enabled {
        return Vec::new();
    }
    let components = ctx.components().map(|component| {
        let mut egress = egress(ctx, component);
        egress.extend(policy.egress_to.iter().map(given_egress));
        allow(ctx, component.as_str(), ingress(ctx, component), egress)
    });
    let mut migrate = Reach::default();
    dns(&mut migrate);
    database(ctx, &mut migrate);
    let mut migrate = migrate.rules();
    migrate.extend(policy.egress_to.iter().map(given_egress));
    let migrate = allow(ctx, MIGRATE, Vec::new(), migrate);
    let embedded_postgres = ctx.embedded_postgres().map(|_| {
        let mut clients = vec![pods_of(ctx, ctx.components().map(Component::as_str).chain([MIGRATE]))];
        // KEDA asks for the queue's length itself.
        if ctx.deployed().any(|component| autoscaling::by_queue(ctx, component)) {
            clients.push(anywhere_labelled("keda-operator"));
        }
        allow(ctx, POSTGRES, vec![from(clients, postgres::PORT)], Vec::new())
    });
    let embedded_redis = ctx.embedded_redis().map(|_| {
        let clients = vec![pods_of(ctx, ctx.components().map(Component::as_str))];
        allow(ctx, REDIS, vec![from(clients, redis::PORT)], Vec::new())
    });
    let deny = default_deny(ctx);
    [deny].into_iter().chain(components).chain([migrate]).chain(embedded_postgres).chain(embedded_redis).collect()
}

/// While one spec serves and the next one's Jobs work: these reach what they need.
#[must_use]
pub fn of_both(serving: Context<'_>, next: Context<'_>) -> Vec<NetworkPolicy> {
    let mut policies = build(serving);
    if policies.is_empty() {
        return policies;
    }
    let migrate = child(&serving.valid.name, MIGRATE);
    for policy in build(next) {
        let name = policy.metadata.name.as_deref();
        match policies.iter_mut().find(|other| other.metadata.name.as_deref() == name) {
            Some(other) if name == Some(&migrate) => *other = policy,
            Some(_) => {}
            None => policies.push(policy),
        }
    }
    policies
}

/// For every pod of the bot: what no other policy allows is refused, both ways.
fn default_deny(ctx: Context<'_>) -> NetworkPolicy {
    let all = [(LABEL_BOT.to_owned(), ctx.valid.name.clone())];
    NetworkPolicy {
        metadata: meta::owned(ctx.valid, child(&ctx.valid.name, DEFAULT_DENY), "network"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector { match_labels: Some(all.into()), match_expressions: None }),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    }
}

/// Policies add up: a part's own says what it may; that it may nothing else, `default_deny` says.
fn allow(
    ctx: Context<'_>,
    part: &str,
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Vec<NetworkPolicyEgressRule>,
) -> NetworkPolicy {
    let types = [("Ingress", ingress.is_empty()), ("Egress", egress.is_empty())];
    let types = types.into_iter().filter(|(_, empty)| !empty).map(|(name, _)| name.to_owned()).collect();
    NetworkPolicy {
        metadata: meta::owned(ctx.valid, child(&ctx.valid.name, part), part),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(meta::selector(&ctx.valid.name, part)),
            policy_types: Some(types),
            ingress: Some(ingress).filter(|rules| !rules.is_empty()),
            egress: Some(egress).filter(|rules| !rules.is_empty()),
        }),
    }
}

fn ingress(ctx: Context<'_>, component: Component) -> Vec<NetworkPolicyIngressRule> {
    let given = &ctx.valid.spec.network_policy.ingress_from;
    let mut rules: Vec<_> = given
        .iter()
        .map(|peer| {
            let ports = if peer.ports.is_empty() { vec![HTTP] } else { peer.ports.clone() };
            NetworkPolicyIngressRule {
                from: Some(vec![given_peer(peer)]),
                ports: Some(ports.into_iter().map(reach::tcp).collect()),
            }
        })
        .collect();
    if given.is_empty() && ctx.is_public(component) {
        rules.push(NetworkPolicyIngressRule { from: None, ports: Some(vec![reach::tcp(HTTP)]) });
    } else if ctx.is_scraped() {
        rules.push(from(vec![anywhere_labelled("prometheus")], HTTP));
    }
    rules
}

fn egress(ctx: Context<'_>, component: Component) -> Vec<NetworkPolicyEgressRule> {
    let spec = &ctx.valid.spec;
    let mut reach = Reach::default();
    dns(&mut reach);
    database(ctx, &mut reach);
    if ctx.embedded_redis().is_some() {
        reach.add(Where::Part(ctx.valid.name.clone(), REDIS), Protocol::Tcp, redis::PORT);
    } else if spec.redis.is_some() {
        reach.add(Where::Anywhere, Protocol::Tcp, redis::PORT);
    }
    // The api alone sends nothing.
    if component != Component::Api {
        reach.address(&spec.telegram.api_url);
    }
    if let Some(endpoint) = &spec.monitoring.otlp_endpoint {
        reach.address(endpoint);
    }
    // The address stands in a Secret; such services are reached by HTTPS.
    let sentry = spec.monitoring.sentry_dsn_secret_ref.is_some();
    let payments = spec.payments.yookassa.is_some() && matches!(component, Component::Api | Component::Worker);
    if sentry || payments {
        reach.add(Where::Anywhere, Protocol::Tcp, i32::from(HTTPS));
    }
    if component == Component::Worker
        && let Some(companion) = &spec.modules.companion
    {
        reach.address(&companion.llm.base_url);
        let pictures = companion.images.iter().flat_map(|images| &images.comfy_urls);
        let voice = companion.voice.iter().flat_map(|voice| [&voice.speech_url, &voice.transcription_url]);
        for url in pictures.chain(voice.flatten()) {
            reach.address(url);
        }
    }
    reach.rules()
}

/// To whoever answers: a cluster's own server, a node's cache at an address of its own, or another.
fn dns(reach: &mut Reach) {
    reach.add(Where::Anywhere, Protocol::Udp, 53);
    reach.add(Where::Anywhere, Protocol::Tcp, 53);
}

fn database(ctx: Context<'_>, reach: &mut Reach) {
    let Some(database) = &ctx.valid.spec.database else { return };
    let to = match (&database.embedded, &database.cluster) {
        (Some(_), _) => Where::Part(ctx.valid.name.clone(), POSTGRES),
        (_, Some(cluster)) => Where::Cluster(cluster.name.clone()),
        _ => Where::Anywhere,
    };
    reach.add(to, Protocol::Tcp, postgres::PORT);
}

fn from(peers: Vec<NetworkPolicyPeer>, port: i32) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: Some(peers), ports: Some(vec![reach::tcp(port)]) }
}

fn pods_of<'a>(ctx: Context<'_>, parts: impl Iterator<Item = &'a str>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(meta::any_of(&ctx.valid.name, parts)), ..NetworkPolicyPeer::default() }
}

/// Pods of an application by its recommended label, in whatever namespace it was installed.
fn anywhere_labelled(app: &str) -> NetworkPolicyPeer {
    let label = (LABEL_NAME.to_owned(), app.to_owned());
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: NAMESPACE_NAME.to_owned(),
                operator: "Exists".to_owned(),
                values: None,
            }]),
            match_labels: None,
        }),
        pod_selector: Some(LabelSelector { match_labels: Some([label].into()), match_expressions: None }),
        ip_block: None,
    }
}

fn given_egress(peer: &NetworkPeer) -> NetworkPolicyEgressRule {
    let ports: Vec<_> = peer.ports.iter().copied().map(reach::tcp).collect();
    NetworkPolicyEgressRule { to: Some(vec![given_peer(peer)]), ports: Some(ports).filter(|ports| !ports.is_empty()) }
}

fn given_peer(peer: &NetworkPeer) -> NetworkPolicyPeer {
    let NetworkPeer { cidr, namespace_labels, pod_labels, ports: _ } = peer;
    if let Some(cidr) = cidr {
        return reach::block(cidr.clone());
    }
    let labelled = |labels: &std::collections::BTreeMap<String, String>| {
        let labels = Some(labels.clone()).filter(|labels| !labels.is_empty());
        labels.map(|labels| LabelSelector { match_labels: Some(labels), match_expressions: None })
    };
    let (namespaces, pods) = (labelled(namespace_labels), labelled(pod_labels));
    // Neither: all pods of the bot's own namespace.
    let pods = if namespaces.is_none() { Some(pods.unwrap_or_default()) } else { pods };
    NetworkPolicyPeer { namespace_selector: namespaces, pod_selector: pods, ip_block: None }
}
