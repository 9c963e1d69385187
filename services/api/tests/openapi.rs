//! The document that is checked in.

use vitte_platform::module::Registry;

#[test]
fn generated_openapi_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let now = serde_json::to_string_pretty(&vitte_api::document(&Registry::default()).unwrap()).unwrap() + "\n";
    #[expect(clippy::disallowed_methods, reason = "how generated files are renewed")]
    let renew = std::env::var_os("UPDATE_GENERATED").is_some();
    if renew {
        std::fs::write(path, &now).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == now, "docs/openapi.json differs from the code; run `make generate`");
}
