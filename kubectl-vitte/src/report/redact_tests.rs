use super::*;

fn scrubber(secrets: &[&str]) -> Scrubber {
    Scrubber::new(secrets.iter().map(|secret| secret.as_bytes()))
}

/// A token that belongs to nobody, of Telegram's shape.
fn token() -> String {
    format!("{}:{}", "1".repeat(10), "A".repeat(35))
}

#[test]
fn every_shape_is_a_regular_expression() {
    assert_eq!(scrubber(&[]).shapes.len(), SHAPES.len());
}

#[test]
fn a_value_is_struck_out_however_it_is_written() {
    let secret = "p\"ss w/rd\u{e9}!";
    let scrubber = scrubber(&[secret]);
    let forms = [
        format!("plain {secret} plain"),
        format!("quoted {}", Value::String(secret.to_owned())),
        format!("address ?key={}&x=1", percent(secret)),
        format!("base64 {}", STANDARD.encode(secret)),
        format!("base64 of addresses {}", URL_SAFE_NO_PAD.encode(secret)),
    ];
    for form in forms {
        let scrubbed = scrubber.scrub(&form);
        assert!(scrubbed.contains(GONE), "{form} -> {scrubbed}");
        assert!(!scrubbed.contains("rd\u{e9}!") && !scrubbed.contains("ss w"), "{scrubbed}");
    }
}

#[test]
fn the_password_of_an_address_goes_also_where_it_stands_alone() {
    let scrubber = scrubber(&["postgres://luna:correct-horse@db:5432/luna"]);
    assert_eq!(scrubber.scrub("authentication failed for correct-horse"), format!("authentication failed for {GONE}"));
    assert_eq!(scrubber.scrub("user luna at db:5432"), "user luna at db:5432", "what is no secret stays");
}

#[test]
fn every_line_of_a_key_goes() {
    let key = format!("-----BEGIN {0}-----\n{1}\n{2}\n-----END {0}-----\n", "SOME KEY", "Q".repeat(64), "Z".repeat(40));
    assert_eq!(scrubber(&[&key]).scrub(&"Z".repeat(40)), GONE);
    assert_eq!(scrubber(&[]).scrub(&format!("a {key} b")), format!("a {GONE}\n b"));
}

#[test]
fn what_looks_like_a_token_goes_whosever_it_is() {
    let jwt = format!("ey{}.ey{}.{}", "JhbGciOiJIUzI1NiJ9", "JzdWIiOiIxIn0xx", "s".repeat(43));
    let provider = format!("s{}-or-v1-{}", "k", "0".repeat(64));
    for secret in [token(), jwt, provider, format!("A{}{}", "KIA", "Q".repeat(16))] {
        let scrubbed = scrubber(&[]).scrub(&format!("said {secret} and more"));
        assert_eq!(scrubbed, format!("said {GONE} and more"), "{secret}");
    }
    let address = scrubber(&[]).scrub("cannot connect to redis://:hunter22@cache:6379/0");
    assert_eq!(address, format!("cannot connect to redis://:{GONE}@cache:6379/0"));
    let telegram = scrubber(&[]).scrub(&format!("POST https://api.telegram.org/bot{}/sendMessage", token()));
    assert_eq!(telegram, format!("POST https://api.telegram.org/bot{GONE}/sendMessage"));
    let header =
        scrubber(&[]).scrub("Authorization: Bearer abcdefghij and password=longenough, \"api_key\": \"anotherone\"");
    assert!(
        !header.contains("abcdefghij") && !header.contains("longenough") && !header.contains("anotherone"),
        "{header}"
    );
}

#[test]
fn names_and_what_only_talks_of_secrets_stay() {
    let texts = [
        "2026-01-01T12:00:00Z",
        "ghcr.io/vitte/vitte:0.1.0@sha256:0af7651916cd43dd8448eb211c80319c",
        "10.0.0.1:8080",
        "the token is missing",
        "password authentication failed for user luna",
        "secret:\n  secretName: luna-tls\n",
        "test-of-a-bot-with-a-long-name",
        "pod/luna-bot-7d9c5b6f4-x2k9d",
    ];
    for text in texts {
        assert_eq!(scrubber(&[]).scrub(text), text);
    }
}

#[test]
fn of_a_secret_only_its_keys_stay() {
    let secret = json!({"kind": "Secret", "type": "Opaque", "data": {"token": "c2VjcmV0"}, "stringData": {"b": "x"},
        "metadata": {"name": "luna", "annotations": {"note": "secret"}}});
    let shown = scrubber(&[]).object(secret);
    assert_eq!(shown["keys"], json!(["b", "token"]));
    assert_eq!(shown["metadata"], json!({"name": "luna"}));
    let text = shown.to_string();
    assert!(!text.contains("c2VjcmV0") && !text.contains("note"), "{text}");
}

#[test]
fn a_config_map_tells_its_keys_and_sizes() {
    let shown = scrubber(&[]).object(json!({"kind": "ConfigMap", "metadata": {}, "data": {"bot.yaml": "12345"}}));
    assert_eq!(shown["data"], json!({"bot.yaml": format!("5 bytes, {GONE}")}));
}

#[test]
fn a_variable_keeps_its_source_and_loses_its_value_unless_it_is_known() {
    let reference = json!({"secretKeyRef": {"name": "luna", "key": "token"}});
    let env = json!([{"name": "FOO", "value": "bar"}, {"name": "RUST_LOG", "value": "debug"},
        {"name": "BOT_TOKEN", "valueFrom": reference}]);
    let shown = scrubber(&[]).object(json!({"kind": "Pod", "metadata": {}, "spec": {"containers": [{"env": env}]}}));
    let env = &shown["spec"]["containers"][0]["env"];
    assert_eq!((&env[0]["value"], &env[1]["value"]), (&json!(GONE), &json!("debug")));
    assert_eq!(env[2]["valueFrom"], reference);
}

#[test]
fn what_kubectl_keeps_of_the_whole_object_goes() {
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    let shown = scrubber(&[]).object(json!({"metadata": {"managedFields": [1], "annotations": {key: "x", "a": "b"}}}));
    assert_eq!(shown, json!({"metadata": {"annotations": {"a": "b"}}}));
}

#[test]
fn a_text_under_the_name_of_a_secret_goes_and_a_reference_to_one_stays() {
    let object = json!({"a": {"password": "x", "x/api-token": "y", "tokenSecretRef": {"name": "luna", "key": "token"},
        "secretName": "luna-tls", "automountServiceAccountToken": false}});
    let shown = scrubber(&[]).object(object);
    assert_eq!(shown["a"]["password"], GONE);
    assert_eq!(shown["a"]["x/api-token"], GONE);
    assert_eq!(shown["a"]["tokenSecretRef"]["key"], "token");
    assert_eq!(shown["a"]["secretName"], "luna-tls");
}

#[test]
fn what_is_no_object_gets_no_new_fields() {
    assert_eq!(scrubber(&[]).object(json!({"server": "v1.34.4"})), json!({"server": "v1.34.4"}));
}
