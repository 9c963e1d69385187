//! The documents that are checked in: of a bot with every module.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use vitte_accounts::Accounts;
use vitte_habits::{Habits, HabitsSettings};
use vitte_platform::cache::{Cache, USER};
use vitte_platform::module::{Module, Registry};
use vitte_platform::people::People;

fn registry() -> Registry {
    let users = Cache::new(1, USER, None);
    let people = People::new(users.clone());
    let habits: Arc<dyn Module> =
        Arc::new(Habits::new(HabitsSettings::default(), vec!["en".to_owned()], people.clone()).unwrap());
    Registry::new(vec![Arc::new(Accounts::new(users, people, std::slice::from_ref(&habits))), habits])
}

/// Compares a file under docs/ with what the code says, or renews it.
fn compare(name: &str, now: &str) {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "how generated files are renewed")]
    let renew = std::env::var_os("UPDATE_GENERATED").is_some();
    if renew {
        std::fs::write(&path, now).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == now, "docs/{name} differs from the code; run `make generate`");
}

#[test]
fn generated_openapi_is_what_the_code_says() {
    let now = serde_json::to_string_pretty(&vitte_api::document(&registry()).unwrap()).unwrap() + "\n";
    compare("openapi.json", &now);
}

#[test]
fn generated_metrics_page_is_what_the_code_says() {
    // A module's metrics are made with the module.
    let _ = registry();
    compare("metrics.md", &vitte_platform::telemetry::describe());
}
