//! What NetworkPolicies allow, by their documented meaning
//! (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>): this cluster's network enforces none.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::connections::{Connection, Seen};

/// Policies of all namespaces, and the labels of those namespaces.
pub struct Policies {
    pub all: Vec<NetworkPolicy>,
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// One end of a connection.
#[derive(Clone, Copy)]
pub struct End<'a> {
    pub address: IpAddr,
    /// `None`: no pod.
    pub pod: Option<&'a Seen>,
}

impl Policies {
    /// Whether the sender may send, and the receiver may be reached.
    pub fn allow(&self, connection: &Connection, from: End<'_>, to: End<'_>) -> bool {
        self.may_send(connection, from, to) && self.may_receive(connection, from, to)
    }

    fn may_send(&self, connection: &Connection, from: End<'_>, to: End<'_>) -> bool {
        let Some(pod) = from.pod else { return true };
        let mut rules = self.of(pod, "Egress").peekable();
        rules.peek().is_none()
            || rules.any(|(namespace, spec)| {
                spec.egress.iter().flatten().any(|rule| {
                    self.peers(namespace, rule.to.as_deref(), to) && ports(rule.ports.as_deref(), connection)
                })
            })
    }

    fn may_receive(&self, connection: &Connection, from: End<'_>, to: End<'_>) -> bool {
        let Some(pod) = to.pod else { return true };
        let mut rules = self.of(pod, "Ingress").peekable();
        rules.peek().is_none()
            || rules.any(|(namespace, spec)| {
                spec.ingress.iter().flatten().any(|rule| {
                    self.peers(namespace, rule.from.as_deref(), from) && ports(rule.ports.as_deref(), connection)
                })
            })
    }

    /// The policies that choose this pod for one direction.
    fn of<'a>(
        &'a self,
        pod: &'a Seen,
        direction: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a k8s_openapi::api::networking::v1::NetworkPolicySpec)> {
        self.all.iter().filter_map(move |policy| {
            let spec = policy.spec.as_ref()?;
            let namespace = policy.metadata.namespace.as_deref()?;
            let chosen = spec.pod_selector.as_ref().is_none_or(|selector| matches(selector, &pod.labels));
            let concerns = spec.policy_types.iter().flatten().any(|kind| kind == direction);
            (namespace == pod.namespace && chosen && concerns).then_some((namespace, spec))
        })
    }

    fn peers(&self, namespace: &str, peers: Option<&[NetworkPolicyPeer]>, end: End<'_>) -> bool {
        let Some(peers) = peers.filter(|peers| !peers.is_empty()) else { return true };
        peers.iter().any(|peer| match &peer.ip_block {
            Some(block) => {
                within(&block.cidr, end.address)
                    && !block.except.iter().flatten().any(|except| within(except, end.address))
            }
            None => end.pod.is_some_and(|pod| {
                let there = match &peer.namespace_selector {
                    Some(selector) => {
                        self.namespaces.get(&pod.namespace).is_some_and(|labels| matches(selector, labels))
                    }
                    None => pod.namespace == namespace,
                };
                there && peer.pod_selector.as_ref().is_none_or(|selector| matches(selector, &pod.labels))
            }),
        })
    }
}

fn ports(ports: Option<&[NetworkPolicyPort]>, connection: &Connection) -> bool {
    let Some(ports) = ports.filter(|ports| !ports.is_empty()) else { return true };
    ports.iter().any(|port| {
        let udp = port.protocol.as_deref() == Some("UDP");
        let number = match &port.port {
            Some(IntOrString::Int(first)) => {
                let last = port.end_port.unwrap_or(*first);
                (*first..=last).contains(&i32::from(connection.port))
            }
            Some(IntOrString::String(name)) => panic!("the port {name} has to be a number here"),
            None => true,
        };
        udp == connection.udp && number
    })
}

fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(name, value)| labels.get(name) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|wanted| {
            let value = labels.get(&wanted.key);
            let among = value.is_some_and(|value| wanted.values.iter().flatten().any(|v| v == value));
            match wanted.operator.as_str() {
                "In" => among,
                "NotIn" => !among,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                other => panic!("no operator {other}"),
            }
        })
}

fn within(cidr: &str, address: IpAddr) -> bool {
    let (network, length) = cidr.split_once('/').expect("a block");
    let length: u32 = length.parse().expect("a length");
    match (network.parse().expect("an address"), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}
