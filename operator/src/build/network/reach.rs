//! Whom a pod may call: gathered by destination, written as few rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use reqwest::Url;

use super::super::meta;
use super::NAMESPACE_NAME;

/// The label by which CloudNativePG marks the pods of a cluster.
const CLUSTER_LABEL: &str = "cnpg.io/cluster";

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    Anywhere,
    /// A part of this bot: its name and the part's.
    Part(String, &'static str),
    /// Pods of a CloudNativePG cluster.
    Cluster(String),
    OwnNamespace,
    Namespace(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Destinations with their ports.
#[derive(Debug, Default)]
pub struct Reach(BTreeMap<Where, BTreeSet<(i32, Protocol)>>);

impl Reach {
    pub fn add(&mut self, to: Where, protocol: Protocol, port: i32) {
        self.0.entry(to).or_default().insert((port, protocol));
    }

    /// What an HTTP address of the manifest names. Policies see pods, so a Service is allowed by its own port, which is
    /// its pods' too unless somebody chose otherwise; then `egressTo` is needed. What runs in the same pod needs none.
    pub fn address(&mut self, url: &str) {
        // The schema has checked its shape.
        let Ok(url) = Url::parse(url) else { return };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return };
        if let Some(to) = place(host) {
            self.add(to, Protocol::Tcp, i32::from(port));
        }
    }

    pub fn rules(self) -> Vec<NetworkPolicyEgressRule> {
        let rule = |(to, ports): (Where, BTreeSet<(i32, Protocol)>)| NetworkPolicyEgressRule {
            to: peer(to).map(|peer| vec![peer]),
            ports: Some(ports.into_iter().map(|(number, protocol)| port(number, protocol)).collect()),
        };
        self.0.into_iter().map(rule).collect()
    }
}

/// Where a host is, as its name tells; `None`: in the pod itself.
fn place(host: &str) -> Option<Where> {
    if host == "localhost" {
        return None;
    }
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return (!address.is_loopback()).then_some(Where::Address(address));
    }
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    Some(match labels.as_slice() {
        // A Service of the same namespace.
        [_] => Where::OwnNamespace,
        [_, namespace, "svc"] | [_, namespace, "svc", "cluster", "local"] => Where::Namespace((*namespace).to_owned()),
        _ => Where::Anywhere,
    })
}

fn peer(to: Where) -> Option<NetworkPolicyPeer> {
    let labelled = |label: (&str, String)| LabelSelector {
        match_labels: Some(BTreeMap::from([(label.0.to_owned(), label.1)])),
        match_expressions: None,
    };
    let pods = |selector| NetworkPolicyPeer { pod_selector: Some(selector), ..NetworkPolicyPeer::default() };
    Some(match to {
        Where::Anywhere => return None,
        Where::Part(bot, part) => pods(meta::selector(&bot, part)),
        Where::Cluster(name) => pods(labelled((CLUSTER_LABEL, name))),
        Where::OwnNamespace => pods(LabelSelector::default()),
        Where::Namespace(name) => NetworkPolicyPeer {
            namespace_selector: Some(labelled((NAMESPACE_NAME, name))),
            ..NetworkPolicyPeer::default()
        },
        Where::Address(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            block(format!("{address}/{bits}"))
        }
    })
}

pub fn block(cidr: String) -> NetworkPolicyPeer {
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr, except: None }), ..NetworkPolicyPeer::default() }
}

pub fn tcp(number: i32) -> NetworkPolicyPort {
    port(number, Protocol::Tcp)
}

fn port(number: i32, protocol: Protocol) -> NetworkPolicyPort {
    let protocol = match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_where_its_name_says() {
        let table = [
            ("http://localhost:9", None),
            ("http://127.0.0.1:9", None),
            ("http://[::1]:9", None),
            ("http://10.1.2.3:8188/x", Some((Where::Address([10, 1, 2, 3].into()), 8188))),
            ("http://comfy:8188", Some((Where::OwnNamespace, 8188))),
            ("http://comfy.media.svc", Some((Where::Namespace("media".to_owned()), 80))),
            ("http://comfy.media.svc.cluster.local:81", Some((Where::Namespace("media".to_owned()), 81))),
            ("https://api.telegram.org", Some((Where::Anywhere, 443))),
            ("https://host.example.org:8443/v1", Some((Where::Anywhere, 8443))),
        ];
        for (url, wanted) in table {
            let mut reach = Reach::default();
            reach.address(url);
            let wanted = wanted.map(|(to, port)| (to, BTreeSet::from([(port, Protocol::Tcp)])));
            assert_eq!(reach.0, wanted.into_iter().collect(), "{url}");
        }
    }
}
