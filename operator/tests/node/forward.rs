//! A Service of the cluster at a port of 127.0.0.1.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::node::{LIMIT, Node};

/// `kubectl port-forward`, ended when dropped.
pub struct Forward {
    _process: Child,
    pub base: String,
}

impl Forward {
    pub async fn to(node: &Node, namespace: &str, target: &str, port: u16) -> Self {
        let ports = format!(":{port}");
        let mut command = node.command(&["port-forward", "-n", namespace, "--address", "127.0.0.1", target, &ports]);
        let mut process = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // "Forwarding from 127.0.0.1:40123 -> 8081"
        let said = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().expect("an address");
        let address = said.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).expect("an address");
        let base = format!("http://{address}");
        // What it goes on saying is read, or it would stop at a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, base }
    }
}
