//! What tests steer and ask: calls received, faults on order, settings.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Problem, parsed};
use crate::Sim;
use crate::world::faults::Fault;

#[derive(Deserialize)]
pub struct CallFilter {
    method: Option<String>,
    chat_id: Option<i64>,
    /// Only calls with a higher `number`.
    after: Option<u64>,
}

/// `GET /sim/calls?method=M`
pub async fn calls(State(sim): State<Sim>, Query(filter): Query<CallFilter>) -> Json<Value> {
    let calls = sim.world().calls.list(filter.method.as_deref(), filter.chat_id, filter.after);
    Json(json!({"calls": calls}))
}

/// `DELETE /sim/calls`
pub async fn forget_calls(State(sim): State<Sim>) -> Json<Value> {
    sim.world().calls.clear();
    Json(json!({"calls": []}))
}

/// `GET /sim/faults`: those still to come.
pub async fn faults(State(sim): State<Sim>) -> Json<Value> {
    Json(json!({"faults": sim.world().faults.list()}))
}

/// `POST /sim/faults`
pub async fn add_fault(State(sim): State<Sim>, body: Bytes) -> Result<Json<Value>, Problem> {
    let fault: Fault = parsed(&body)?;
    let mut world = sim.world();
    world.faults.add(fault).map_err(Problem::bad)?;
    Ok(Json(json!({"faults": world.faults.list()})))
}

/// `DELETE /sim/faults`
pub async fn clear_faults(State(sim): State<Sim>) -> Json<Value> {
    sim.world().faults.clear();
    Json(json!({"faults": []}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    rate_limits: Option<bool>,
}

/// `GET /sim/settings`
pub async fn settings(State(sim): State<Sim>) -> Json<Value> {
    Json(json!({"rate_limits": sim.world().rate_limits}))
}

/// `POST /sim/settings`: what is left out stays.
pub async fn set_settings(State(sim): State<Sim>, body: Bytes) -> Result<Json<Value>, Problem> {
    let wanted: Settings = parsed(&body)?;
    let mut world = sim.world();
    world.rate_limits = wanted.rate_limits.unwrap_or(world.rate_limits);
    Ok(Json(json!({"rate_limits": world.rate_limits})))
}
