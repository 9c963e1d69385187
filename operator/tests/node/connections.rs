//! Which connections pods were seen to make: the kernel's table of tracked connections, read again and again.
//!
//! Services are translated by the kernel, so each connection through one is in the table with both its faces: to whom it
//! was meant, and who really answered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::node::Node;

/// One direction: who asked whom, at which port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    pub from: IpAddr,
    pub to: IpAddr,
    pub port: u16,
    pub udp: bool,
}

/// A pod as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

#[derive(Default)]
struct Notes {
    connections: BTreeSet<Connection>,
    pods: BTreeMap<IpAddr, Seen>,
}

/// Takes notes until dropped.
pub struct Watch {
    notes: Arc<Mutex<Notes>>,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watch {
    pub fn start(node: &Node) -> Self {
        let notes = Arc::new(Mutex::new(Notes::default()));
        let task = tokio::spawn(take(node.clone(), notes.clone()));
        Self { notes, task }
    }

    pub fn connections(&self) -> BTreeSet<Connection> {
        self.notes.lock().unwrap().connections.clone()
    }

    /// By their addresses. One that is gone stays in the notes: it had them.
    pub fn pods(&self) -> BTreeMap<IpAddr, Seen> {
        self.notes.lock().unwrap().pods.clone()
    }
}

async fn take(node: Node, notes: Arc<Mutex<Notes>>) {
    let pods: Api<Pod> = Api::all(node.client.clone());
    loop {
        let table = Command::new("conntrack").args(["-L", "-o", "extended"]).output().await.expect("conntrack");
        let list = pods.list(&ListParams::default()).await.unwrap();
        write_down(&mut notes.lock().unwrap(), &String::from_utf8_lossy(&table.stdout), list.items);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn write_down(notes: &mut Notes, table: &str, pods: Vec<Pod>) {
    notes.connections.extend(table.lines().filter_map(parse));
    for pod in pods {
        let Some(address) = pod.status.and_then(|s| s.pod_ip).and_then(|ip| ip.parse().ok()) else { continue };
        let metadata = pod.metadata;
        let seen = Seen {
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
        };
        notes.pods.insert(address, seen);
    }
}

/// `ipv4 2 tcp 6 117 TIME_WAIT src=A dst=SERVICE sport=P dport=S src=B dst=A sport=Q dport=P [ASSURED] ...`
fn parse(line: &str) -> Option<Connection> {
    let protocol = line.split_whitespace().nth(2)?;
    let values = |key: &str| -> Vec<&str> {
        line.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')).collect()
    };
    let (sources, ports) = (values("src"), values("sport"));
    Some(Connection {
        from: sources.first()?.parse().ok()?,
        to: sources.get(1)?.parse().ok()?,
        port: ports.get(1)?.parse().ok()?,
        udp: match protocol {
            "tcp" => false,
            "udp" => true,
            _ => return None,
        },
    })
}

#[test]
fn a_connection_through_a_service_is_read_with_who_really_answered() {
    let line = "ipv4     2 tcp      6 117 TIME_WAIT src=10.88.0.12 dst=10.96.12.3 sport=40562 dport=80 \
                src=10.88.0.15 dst=10.88.0.12 sport=8080 dport=40562 [ASSURED] mark=0 use=1";
    let expected = Connection { from: [10, 88, 0, 12].into(), to: [10, 88, 0, 15].into(), port: 8080, udp: false };
    assert_eq!(parse(line), Some(expected));
    assert_eq!(parse("ipv4 2 icmp 1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1"), None);
}
