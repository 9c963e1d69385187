//! Text for URLs and configuration files, and secrets for TCP.

use std::fmt::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use rand::Rng;
use rand::distr::Alphanumeric;

use crate::error::LocalError;

/// The kernel's limit is 107 bytes; programs differ by a few.
const SOCKET_BYTES: usize = 100;

/// The socket's path as text, where every client can use it.
pub(crate) fn usable_socket(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    (text.len() <= SOCKET_BYTES && !text.contains(char::is_control)).then_some(text)
}

/// Percent-encodes all but the unreserved characters and the slash.
pub(crate) fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// 190 bits, without a character that a URL or a configuration file would have to quote.
#[expect(clippy::disallowed_methods, reason = "a password that a test could repeat would be none")]
pub(crate) fn password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect()
}

/// A port that was free a moment ago; whoever binds it must be ready to ask again.
pub(crate) fn free_port() -> Result<u16, LocalError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(LocalError::io("find a free port on", Path::new("127.0.0.1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_anything_in_it_survives_a_url() {
        assert_eq!(encode("/a b/ü?&=%"), "/a%20b/%C3%BC%3F%26%3D%25");
    }

    #[test]
    fn a_long_or_broken_path_is_no_socket() {
        assert!(usable_socket(Path::new("/run/x")).is_some());
        assert!(usable_socket(&Path::new("/").join("x".repeat(100))).is_none());
        assert!(usable_socket(Path::new("/a\nb")).is_none());
    }
}
