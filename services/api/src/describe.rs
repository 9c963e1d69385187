//! The OpenAPI document: the modules' own parts, and what is true of every operation.

use serde::Serialize;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use vitte_platform::http::api::ApiState;
use vitte_platform::module::Registry;

use crate::{RouterError, bot, healthcheck};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vitte",
        description = "A bot's REST API. Every error is a problem document (RFC 9457) with a stable `type` and the \
                       `trace_id` under which the server's logs know the request; `X-Request-Id` is echoed. With 429 \
                       and 503, `Retry-After` says when to come again. Every path may end with a slash; fields that are \
                       not known are ignored.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemDocument, FieldFault)),
    modifiers(&Credentials)
)]
struct Base;

/// How to log in.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let shared = ApiKeyValue::with_description("X-BOT-API-KEY", "The key that programs of the bot's owner share");
        components.add_security_scheme("bot_key", SecurityScheme::ApiKey(ApiKey::Header(shared)));
    }
}

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemDocument {
    /// Stable: what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(example = "https://vitte.dev/problems/not-found")]
    kind: String,
    /// For people; the wording may change.
    title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What was wrong with this request.
    detail: Option<String>,
    /// Under which the server's logs know the request; 32 hex digits.
    #[schema(example = "0af7651916cd43dd8448eb211c80319c")]
    trace_id: String,
    /// What is wrong with each field of the request.
    errors: Option<Vec<FieldFault>>,
}

/// What is wrong with one field of a request.
#[derive(Serialize, ToSchema)]
struct FieldFault {
    #[schema(example = "name")]
    field: String,
    #[schema(example = "is missing")]
    detail: String,
}

/// The document of a bot with these modules.
pub fn document(registry: &Registry) -> Result<utoipa::openapi::OpenApi, RouterError> {
    Ok(routes(registry)?.1)
}

/// All routes, without their prefix, and the document that describes them with it.
pub fn routes(registry: &Registry) -> Result<(OpenApiRouter<ApiState>, utoipa::openapi::OpenApi), RouterError> {
    let mut all = bot::routes();
    for module in registry.modules() {
        let theirs = module.api();
        // The router itself would panic.
        for (path, item) in &theirs.get_openapi().paths.paths {
            let ours = all.get_openapi().paths.paths.get(path);
            if ours.is_some_and(|ours| overlap(ours, item)) || matches!(path.as_str(), "/openapi.json") {
                return Err(RouterError::Twice { path: path.clone(), module: module.name() });
            }
        }
        all = all.merge(theirs);
    }
    let described =
        OpenApiRouter::with_openapi(Base::openapi()).merge(healthcheck::routes()).nest("/api/v1", all.clone());
    let mut document = described.into_openapi();
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.options,
            &mut item.head,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let problem =
                ResponseBuilder::new().description("Any error").content("application/problem+json", content).build();
            operation.responses.responses.entry("default".to_owned()).or_insert_with(|| problem.into());
        }
    }
    Ok((all, document))
}

fn overlap(a: &utoipa::openapi::PathItem, b: &utoipa::openapi::PathItem) -> bool {
    (a.get.is_some() && b.get.is_some())
        || (a.put.is_some() && b.put.is_some())
        || (a.post.is_some() && b.post.is_some())
        || (a.delete.is_some() && b.delete.is_some())
        || (a.patch.is_some() && b.patch.is_some())
        || (a.head.is_some() && b.head.is_some())
        || (a.options.is_some() && b.options.is_some())
}
