//! Kubernetes' own programs, as a person uses them.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{LIMIT, cluster};

/// `kubectl ARGUMENTS` in a namespace, with a text on standard input.
pub async fn kubectl(namespace: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(cluster::program("kubectl"));
    command.arg("--kubeconfig").arg(cluster::kubeconfig()).args(["--namespace", namespace]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("kubectl starts");
    let mut stdin = child.stdin.take().unwrap();
    let run = async {
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap()
    };
    tokio::time::timeout(LIMIT, run).await.unwrap_or_else(|_| panic!("kubectl {arguments:?} did not end"))
}

/// The same, for what has to succeed; its standard output.
pub async fn kubectl_ok(namespace: &str, arguments: &[&str], input: &str) -> String {
    let output = kubectl(namespace, arguments, input).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
