//! The operator on a real API server with Kubernetes' own controllers; only the kubelet and Telegram are pretended.
//!
//! Run through `tools/with-cluster`, which starts a private control plane for them. Each test has a namespace of its
//! own, so all run at once.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod harness;

mod access;
mod deletion;
mod faults;
mod gitops;
mod idle;
mod install;
mod leases;
mod lifecycle;
mod migration;
mod mutations;
mod obstacles;
mod ownership;
mod render;
mod scaling;
mod secrets;
mod stale;
mod stops;
mod upgrades;
mod webhook;
