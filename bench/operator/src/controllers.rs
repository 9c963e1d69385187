//! Those that the operator waits for: Jobs and Deployments are done as soon as they are seen, and a Telegram that
//! confirms every webhook.

use axum::extract::Path;
use axum::routing::any;
use axum::{Json, Router};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// Answers every bot that its webhook is where the bots of this measurement want it; its address.
pub async fn telegram() -> anyhow::Result<String> {
    let answer = |Path((_, method)): Path<(String, String)>| async move {
        let url = crate::bots::WEBHOOK;
        let info = json!({"url": url, "pending_update_count": 0, "has_custom_certificate": false});
        Json(json!({"ok": true, "result": if method == "getWebhookInfo" { info } else { Value::Bool(true) }}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/{bot}/{method}", any(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// Says of every Job and every Deployment that it is done, until the program ends.
pub fn start(client: &Client) {
    let (all, of_all) = (client.clone(), client.clone());
    tokio::spawn(async move {
        let jobs = watcher(Api::<Job>::all(all.clone()), watcher::Config::default()).default_backoff();
        let report = |job: Result<Job, _>| {
            let client = all.clone();
            async move {
                let Ok(job) = job else { return };
                if job.status.as_ref().is_none_or(|status| status.completion_time.is_none()) {
                    let api = Api::<Job>::namespaced(client, &job.namespace().unwrap_or_default());
                    let _ = api.patch_status(&job.name_any(), &PatchParams::default(), &Patch::Merge(done())).await;
                }
            }
        };
        jobs.applied_objects().for_each_concurrent(16, report).await;
    });
    tokio::spawn(async move {
        let deployments = watcher(Api::<Deployment>::all(of_all.clone()), watcher::Config::default()).default_backoff();
        let report = |deployment: Result<Deployment, _>| {
            let client = of_all.clone();
            async move {
                let Ok(deployment) = deployment else { return };
                let seen = deployment.status.as_ref().and_then(|status| status.observed_generation);
                if seen != deployment.metadata.generation {
                    let api = Api::<Deployment>::namespaced(client, &deployment.namespace().unwrap_or_default());
                    let status = rolled_out(&deployment);
                    let _ =
                        api.patch_status(&deployment.name_any(), &PatchParams::default(), &Patch::Merge(status)).await;
                }
            }
        };
        deployments.applied_objects().for_each_concurrent(16, report).await;
    });
}

fn done() -> Value {
    let now = Timestamp::now().to_string();
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "CompletionsReached", "message": "", "lastProbeTime": now,
            "lastTransitionTime": now})
    };
    json!({"status": {"startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "active": 0,
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]}})
}

fn rolled_out(deployment: &Deployment) -> Value {
    let count = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    json!({"status": {"observedGeneration": deployment.metadata.generation, "replicas": count, "updatedReplicas": count,
        "readyReplicas": count, "availableReplicas": count}})
}
