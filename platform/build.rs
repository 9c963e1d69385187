//! The migrations are embedded (`database::migrations`): a file that is new there makes this crate new.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
