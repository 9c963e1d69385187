//! Asks an address once and says by the exit code how it answered: what `helm test` runs, in an image without a shell.

use std::time::Duration;

use anyhow::{Context, bail};

/// An answer that takes longer than this is none.
const LIMIT: Duration = Duration::from_secs(10);
/// Between tries: a Service has no backends yet while its pods start.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until `url` answers with a status of 2xx, for at most `limit`.
///
/// # Errors
/// What the last answer was, or why there was none.
pub async fn probe(url: &str, limit: Duration) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().context("the client")?;
    let until = tokio::time::Instant::now() + limit;
    loop {
        let Err(error) = ask(&client, url).await else { return Ok(()) };
        if tokio::time::Instant::now() + PAUSE >= until {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(client: &reqwest::Client, url: &str) -> anyhow::Result<()> {
    let answer = client.get(url).send().await.with_context(|| format!("{url} does not answer"))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    bail!("{url} answered {status}: {}", text.chars().take(500).collect::<String>().trim_end())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn a_good_answer_is_good_and_another_one_is_told_with_its_words() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/good", get(|| async { "ok" }))
            .route("/bad", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "waits for: the API server\n") }));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        probe(&format!("{base}/good"), Duration::ZERO).await.unwrap();
        let told = probe(&format!("{base}/bad"), Duration::ZERO).await.unwrap_err().to_string();
        assert!(told.ends_with("/bad answered 503 Service Unavailable: waits for: the API server"), "{told}");
    }
}
