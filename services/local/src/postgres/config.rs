//! PostgreSQL's configuration, written anew at each start: the settings of this Vitte, whatever an
//! earlier one wrote into the cluster.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::PostgresOptions;
use crate::urls;

/// The number in the socket's name; it is no TCP port.
const SOCKET_PORT: u16 = 5432;

/// How clients reach the server.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// A socket in a directory that only the account and root may enter.
    Socket { directory: String },
    /// A port of 127.0.0.1 that anybody on the machine can reach, hence a password.
    Tcp { port: u16, password: String },
}

impl Reach {
    /// The directory where a socket would stand, if every client can use it there.
    pub(super) fn socket(run: &Path) -> Option<Self> {
        let socket = run.join(format!(".s.PGSQL.{SOCKET_PORT}"));
        urls::usable_socket(&socket)?;
        Some(Self::Socket { directory: run.to_str()?.to_owned() })
    }

    /// The port is named even for a socket: clients else take it from their environment.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Socket { directory } => format!(
                "postgres:///vitte?host={}&port={SOCKET_PORT}&user=vitte&sslmode=disable",
                urls::encode(directory)
            ),
            Self::Tcp { port, password } => {
                format!("postgres://vitte:{password}@127.0.0.1:{port}/vitte?sslmode=disable")
            }
        }
    }

    /// `pg_hba.conf`.
    pub(super) fn access(&self) -> &'static str {
        match self {
            Self::Socket { .. } => "local all all trust\n",
            Self::Tcp { .. } => "host all vitte 127.0.0.1/32 scram-sha-256\n",
        }
    }
}

/// `postgresql.conf` for a laptop: small memory, data safe, nothing said of what people write.
pub(super) fn settings(options: &PostgresOptions, reach: &Reach, access: &Path) -> String {
    let on = |yes: bool| if yes { "on" } else { "off" };
    let (listen, port, sockets) = match reach {
        // The value is a list; inside its quotes a comma is part of the name.
        Reach::Socket { directory } => ("", SOCKET_PORT, format!("\"{}\"", directory.replace('"', "\"\""))),
        Reach::Tcp { port, .. } => ("127.0.0.1", *port, String::new()),
    };
    let mut text = String::from("# Written by Vitte at each start; changes are lost.\n");
    let mut set = |name: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name} = {}", quote(value));
    };
    set("cluster_name", "vitte");
    set("listen_addresses", listen);
    set("port", &port.to_string());
    set("unix_socket_directories", &sockets);
    set("unix_socket_permissions", "0700");
    set("hba_file", &access.to_string_lossy());
    set("max_connections", &options.max_connections.to_string());
    set("shared_buffers", "64MB");
    set("max_wal_size", "512MB");
    // One server, no replica: the least WAL that survives a crash.
    set("wal_level", "minimal");
    set("max_wal_senders", "0");
    set("fsync", on(options.fsync));
    set("full_page_writes", on(options.fsync));
    // Also without fsync: what is committed outlives the server's process, if not the machine.
    set("synchronous_commit", "on");
    set("timezone", "UTC");
    set("log_timezone", "UTC");
    set("lc_messages", "C");
    // Our statements are short; compiling them costs more than it saves.
    set("jit", "off");
    set("log_destination", "stderr");
    set("logging_collector", "off");
    set("log_min_messages", "warning");
    set("log_statement", "none");
    // A failed statement's text may be a person's message.
    set("log_min_error_statement", "panic");
    text
}

fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// Files of the server's directory.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) root: PathBuf,
    pub(super) cluster: PathBuf,
    pub(super) unfinished: PathBuf,
    pub(super) run: PathBuf,
    pub(super) config: PathBuf,
    pub(super) access: PathBuf,
    pub(super) password: PathBuf,
}

impl Places {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            cluster: root.join("cluster"),
            unfinished: root.join("cluster.new"),
            run: root.join("run"),
            config: root.join("postgresql.conf"),
            access: root.join("pg_hba.conf"),
            password: root.join("password"),
            root,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_quotes_and_commas_stays_one_directory() {
        let reach = Reach::socket(Path::new(r#"/a,'b"\c"#)).unwrap();
        let text = settings(&PostgresOptions::new("/x"), &reach, Path::new("/h"));
        let expected = r#"unix_socket_directories = '"/a,''b""\\c"'"#;
        assert!(text.lines().any(|line| line == expected), "{text}");
    }

    #[test]
    fn nothing_listens_on_a_port_while_a_socket_serves() {
        let reach = Reach::socket(Path::new("/a b")).unwrap();
        let text = settings(&PostgresOptions::new("/x"), &reach, Path::new("/h"));
        assert!(text.contains("listen_addresses = ''\n"));
        assert!(reach.url().contains("host=/a%20b&"));
    }
}
