//! Where the values of secrets come from, and that nothing shows them.

use vitte_crds::{Bundle, ExposeSecret, SecretKeyRef, Source, env_name, load};

const BOT: &str = "apiVersion: vitte.dev/v1alpha1\nkind: VitteBot\nmetadata: {name: luna}\nspec:\n  version: 0.1.0\n  \
                   telegram: {tokenSecretRef: {name: luna, key: token}, updates: Polling}\n  modules: {habits: {}}\n";

fn secret(body: &str) -> String {
    format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: luna}}\n{body}\n")
}

fn value(bundle: &Bundle, key: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let r = SecretKeyRef { name: "luna".to_owned(), key: key.to_owned() };
    bundle.secret(&r, env).map(|value| value.expose_secret().to_owned())
}

#[test]
fn the_environment_wins_over_the_secrets_file_and_that_over_the_manifests_file() {
    let manifest = format!("{BOT}{}", secret("stringData: {token: manifest, other: manifest, third: manifest}"));
    let file = secret("stringData: {token: file, other: file}");
    let bundle = load(&[Source::new("bot.yaml", manifest), Source::new("secrets.yaml", file)]).unwrap();
    let env = |name: &str| (name == "VITTE_SECRET_LUNA_TOKEN").then(|| "environment".to_owned());
    assert_eq!(value(&bundle, "token", &env).as_deref(), Some("environment"));
    assert_eq!(value(&bundle, "other", &env).as_deref(), Some("file"));
    assert_eq!(value(&bundle, "third", &env).as_deref(), Some("manifest"));
    assert_eq!(value(&bundle, "fourth", &env), None);
}

#[test]
fn base64_is_decoded_and_an_empty_value_is_a_missing_one() {
    let text = format!("{BOT}{}", secret("data: {token: aGVsbG8K}\nstringData: {empty: \"\", lines: \"x\\n\"}"));
    let bundle = load(&[Source::new("bot.yaml", text)]).unwrap();
    assert_eq!(value(&bundle, "token", &|_| None).as_deref(), Some("hello"));
    assert_eq!(value(&bundle, "lines", &|_| None).as_deref(), Some("x"));
    assert_eq!(value(&bundle, "empty", &|_| None), None);
    assert_eq!(value(&bundle, "token", &|_| Some(String::new())).as_deref(), Some("hello"));
}

#[test]
fn nothing_shows_a_secret() {
    let text = format!("{BOT}{}", secret("stringData: {token: hunter2}"));
    let source = Source::new("bot.yaml", text);
    assert!(!format!("{source:?}").contains("hunter2"));
    assert!(!format!("{:?}", load(&[source]).unwrap()).contains("hunter2"));
    let broken = [
        "data: {token: \"hunter2!\"}",
        "data: hunter2",
        "stringData: {token: [hunter2]}",
        "stringDate: {token: hunter2}",
        "data: {token: /w==}\ntype: [hunter2]",
        "stringData: {token: hunter2}\nkind: hunter2",
    ];
    for body in broken {
        let problems = load(&[Source::new("bot.yaml", format!("{BOT}{}", secret(body)))]).unwrap_err();
        assert!(!problems.is_empty());
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn broken_secrets_are_told_with_their_place() {
    let text = format!(
        "{BOT}{}",
        secret("data:\n  token: \"not base64!\"\n  bytes: /w==\nstringData:\n  number: 12\n  a b: x")
    );
    let found: Vec<String> =
        load(&[Source::new("bot.yaml", text)]).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "bot.yaml:13 data.token: is not base64: encode it, or write it under stringData as it is",
            "bot.yaml:14 data.bytes: holds bytes that are no text",
            "bot.yaml:16 stringData.number: is a whole number; allowed: a text in quotes",
            "bot.yaml:17 stringData[\"a b\"]: has a key of the wrong form; allowed: letters, digits, \"-\", \"_\" and \".\", \
             like database-url",
        ]
    );
}

#[test]
fn the_variable_of_a_secret_is_made_of_its_name_and_key() {
    assert_eq!(env_name("luna", "token"), "VITTE_SECRET_LUNA_TOKEN");
    assert_eq!(env_name("luna-bot.x", "database-url"), "VITTE_SECRET_LUNA_BOT_X_DATABASE_URL");
}
