//! Rules about `spec.networkPolicy`: that each peer is somebody, and one thing only.

use std::net::IpAddr;

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;
use crate::sensitive::show;

const TWO_KINDS: &str = "is an address block and labels at once: write two entries";
const NOBODY: &str = "names nobody: write cidr, namespaceLabels, podLabels or ports";
const BLOCK: &str = "an address block, like 10.0.0.0/8 or 2001:db8::/32";

pub(super) fn cel() -> Vec<Cel> {
    const BY_LABELS: &str = "(has(self.namespaceLabels) && self.namespaceLabels.size() > 0) \
                             || (has(self.podLabels) && self.podLabels.size() > 0)";
    let by_ports = "(has(self.ports) && self.ports.size() > 0)";
    ["spec.networkPolicy.ingressFrom[]", "spec.networkPolicy.egressTo[]"]
        .into_iter()
        .flat_map(|at| {
            [
                Cel::new(at, format!("!has(self.cidr) || !({BY_LABELS})"), TWO_KINDS),
                Cel::new(at, format!("has(self.cidr) || {BY_LABELS} || {by_ports}"), NOBODY),
                Cel::new(at, "!has(self.cidr) || isCIDR(self.cidr)", format!("is no address block; allowed: {BLOCK}"))
                    .about(".cidr"),
            ]
        })
        .collect()
}

pub(super) fn check(spec: &Spec, findings: &mut Vec<Finding>) {
    let policy = &spec.network_policy;
    for (list, peers) in [("ingressFrom", &policy.ingress_from), ("egressTo", &policy.egress_to)] {
        for (index, peer) in peers.iter().enumerate() {
            let path = format!("spec.networkPolicy.{list}[{index}]");
            let by_labels = !peer.namespace_labels.is_empty() || !peer.pod_labels.is_empty();
            match &peer.cidr {
                Some(_) if by_labels => say(findings, path, TWO_KINDS),
                Some(cidr) if !is_block(cidr) => {
                    let message = format!("\"{}\" is no address block", show(cidr));
                    findings.push(Finding::new(format!("{path}.cidr"), message).allowed(BLOCK));
                }
                None if !by_labels && peer.ports.is_empty() => say(findings, path, NOBODY),
                Some(_) | None => {}
            }
        }
    }
}

/// As Kubernetes reads one: no leading zero in the length, and no IPv4 address dressed as IPv6.
fn is_block(cidr: &str) -> bool {
    let Some((address, length)) = cidr.split_once('/') else {
        return false;
    };
    let longest = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => 128,
        Ok(IpAddr::V6(_)) | Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|number| number <= longest && number.to_string() == length)
}
