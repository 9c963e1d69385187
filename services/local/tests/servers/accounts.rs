//! As whom the servers run. Root sees more of it than an ordinary user.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{User, geteuid};
use vitte_local::{DataDir, LocalError, Postgres};

use crate::world::{Home, quick, start, text};

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn field(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn the_server_has_no_rights_but_to_pass_a_closed_directory() {
    let home = Home::closed();
    let server = start(&home).await;
    assert_ne!(field(server.pid(), "Uid:").split('\t').next(), Some("0"));
    let rights = u64::from_str_radix(&field(server.pid(), "CapEff:"), 16).unwrap();
    let expected = u32::from(geteuid().is_root());
    assert_eq!(rights.count_ones(), expected, "{rights:x}");
    server.stop().await;

    open_to_all(&home.path);
    let server = start(&home).await;
    assert_eq!(field(server.pid(), "CapEff:"), "0000000000000000");
    if geteuid().is_root() {
        assert_eq!(field(server.pid(), "Groups:"), "");
    }
    server.stop().await;
}

#[tokio::test]
async fn secrets_in_our_environment_do_not_reach_the_server() {
    let home = Home::closed();
    let server = start(&home).await;
    let environment = fs::read(format!("/proc/{}/environ", server.pid())).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("PATH="));
    // Cargo sets it for us, so it stands for every other variable.
    let ours = fs::read("/proc/self/environ").unwrap();
    assert!(String::from_utf8_lossy(&ours).contains("CARGO_PKG_NAME="));
    assert!(!environment.contains("CARGO_PKG_NAME="), "{environment}");
    server.stop().await;
}

/// What an ordinary user sees; root runs it as `nobody` below.
#[tokio::test]
async fn an_ordinary_user_runs_it_as_himself() {
    if geteuid().is_root() {
        return;
    }
    let home = Home::closed();
    let server = Postgres::start(quick(home.postgres())).await.unwrap();
    let us = geteuid().to_string();
    assert_eq!(field(server.pid(), "Uid:").split('\t').next(), Some(&*us));
    assert_eq!(text(server.url(), "SELECT 'mine'").await, "mine");
    server.stop().await;
}

/// Works on the directory `.vitte` of another user, which root prepares below.
#[tokio::test]
async fn an_ordinary_user_is_told_whose_directory_it_is() {
    if geteuid().is_root() || !Path::new(".vitte").exists() {
        return;
    }
    let refused = DataDir::open(".vitte").unwrap_err();
    assert!(matches!(refused, LocalError::NotOurs { .. }), "{refused}");
    assert!(refused.to_string().contains("belongs to root"), "{refused}");
}

#[test]
fn the_tests_of_an_ordinary_user_pass_when_root_becomes_one() {
    if !geteuid().is_root() {
        return;
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let home = Home::closed();
    open_to_all(&home.path);
    drop(DataDir::open(home.path.join(".vitte")).unwrap());
    let program = home.path.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let temporary = home.path.join("tmp");
    fs::create_dir(&temporary).unwrap();
    chown(&temporary, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    let done = Command::new(&program)
        .args(["an_ordinary_user", "killed_owner::the", "a_killed_server", "--skip", "becomes_one"])
        .env("TMPDIR", &temporary)
        .current_dir(&home.path)
        .uid(nobody.uid.as_raw())
        .gid(nobody.gid.as_raw())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("4 passed"), "{said}");
}
