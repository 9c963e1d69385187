use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::world::{World, deployment, finished, labels, luna, status};

/// Tokens that belong to nobody, of the shapes that `tools/check-words` knows.
fn token(digit: char, letter: char) -> String {
    format!("{}:{}", digit.to_string().repeat(10), letter.to_string().repeat(35))
}

/// Everything that a bot may have secrets in: its Secret, another's that only a pod names, its webhook's; variables,
/// annotations, events, termination messages, ConfigMaps, a revision. None of it is in the archive, in any form.
#[tokio::test]
async fn a_report_has_everything_but_values_of_secrets_and_tokens() {
    let world = World::with_luna().await;
    let stray = token('7', 'S');
    let secrets = [
        ("token", token('6', 'T')),
        ("database-url", "postgres://luna:the-database-password@db:5432/luna".to_owned()),
        ("llm", "the-key-of-the-model".to_owned()),
        ("file", "first-line-of-a-file\nsecond-line-of-a-file\n".to_owned()),
    ];
    let values: serde_json::Map<_, _> = secrets.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let secret = |name: &str, data: serde_json::Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
    world.apply(secret("luna", json!(values))).await;
    world.apply(secret("pull", json!({"x": "the-password-of-the-registry"}))).await;
    let mut webhook = secret("luna-webhook", json!({"current": "the-secret-of-the-webhook"}));
    webhook["metadata"]["labels"] = labels("bot");
    world.apply(webhook).await;

    let mut bot = luna("luna");
    bot["metadata"]["annotations"] = json!({
        "kubectl.kubernetes.io/last-applied-configuration": "{\"env\": \"a-literal-value\"}",
        "note": format!("it used {stray}"),
    });
    world.apply(bot).await;
    let mut said = status(false);
    said["message"] = json!("the database refuses the-database-password");
    world.status(&luna("luna"), "luna", said).await;
    let mut workload = deployment("bot", 1);
    workload["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);
    world.apply(workload).await;
    let pods = world.pods("bot", 1).await;
    let container = json!({"name": "bot", "image": "vitte:0.1.0", "imageID": "", "ready": false, "restartCount": 1,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "no answer to the-key-of-the-model, the-password-of-the-registry"}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod"});
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    world.status(&pod, name, json!({"phase": "Running", "containerStatuses": [container]})).await;
    world
        .apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "luna-bot-0123", "labels": labels("bot")},
            "data": {"bot.yaml": "a-line-of-the-configuration"}}))
        .await;
    world
        .apply(json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
            "metadata": {"name": "luna-0000000001", "labels": labels("revision")},
            "data": {"version": "0.1.0", "spec": {"components": {"bot": {"env": [{"name": "X", "value": "a-literal-value"}]}}}}}))
        .await;
    world
        .apply(json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "one"}, "type": "Warning", "reason": "Failed",
            "message": format!("the-secret-of-the-webhook and {stray}"),
            "involvedObject": {"kind": "VitteBot", "name": "luna", "namespace": world.namespace}}))
        .await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.tar.gz");
    let ran = world.run(&["report", "luna", "-o", &file.display().to_string()]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // Whoever gets it uses tar, not this crate.
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&file).arg("-C").arg(folder.path()).stdout(Stdio::null());
    assert_eq!(finished(tar).await.code, 0);

    let files = read(folder.path());
    let has = |end: &str| files.iter().find(|(path, _)| path.ends_with(end)).map(|(_, text)| text.as_str());
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    for end in [
        "README.txt",
        "status.txt",
        "bot.yaml",
        "versions.yaml",
        "events.yaml",
        "objects/deployment-luna-bot.yaml",
        "objects/configmap-luna-bot-0123.yaml",
        "objects/controllerrevision-luna-0000000001.yaml",
    ] {
        assert!(has(end).is_some(), "{end} is not in {paths:?}");
    }
    assert!(has("objects/secret-luna.yaml").is_some_and(|text| text.contains("database-url")), "{paths:?}");
    assert!(
        has("objects/deployment-luna-bot.yaml").is_some_and(|text| text.contains("GREETING") && text.contains("25"))
    );

    let mut forbidden: Vec<String> = secrets.iter().map(|(_, value)| value.trim().to_owned()).collect();
    forbidden.extend(
        [
            "the-database-password",
            "first-line",
            "second-line",
            "the-password-of-the-registry",
            "the-secret-of-the-webhook",
            "a-literal-value",
            "a-line-of-the-configuration",
        ]
        .map(str::to_owned),
    );
    forbidden.extend(secrets.iter().map(|(_, value)| base64(value)));
    forbidden.push(stray);
    let shape = regex::Regex::new(r"[0-9]{8,10}:[A-Za-z0-9_-]{35}").unwrap();
    for (path, text) in &files {
        for secret in &forbidden {
            assert!(!text.contains(secret.as_str()), "{path} holds {secret}:\n{text}");
        }
        assert!(!shape.is_match(text), "{path} holds something like a token");
    }
}

#[tokio::test]
async fn who_may_not_read_secrets_gets_a_report_that_says_so() {
    let world = World::with_luna().await;
    let folder = tempfile::tempdir().unwrap();
    let rules = json!([{"apiGroups": ["vitte.dev"], "resources": ["vittebots"], "verbs": ["get", "list"]}]);
    let somebody = world.somebody(folder.path(), rules).await;
    let file = folder.path().join("report.tar.gz").display().to_string();
    let ran = world.run_as(&somebody.display().to_string(), &["report", "luna", "-o", &file]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.notes.contains("cannot read Secret luna: you are not allowed to"), "{ran:?}");
    assert!(ran.notes.contains("struck out only where they look like secrets"), "{ran:?}");
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Path and text of every file below a folder that is text.
fn read(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(read(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            files.push((path.display().to_string(), text));
        }
    }
    files
}
