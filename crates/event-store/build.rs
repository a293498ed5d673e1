//! A new migration is a change of this crate: `sqlx::migrate!` embeds the folder, and cargo does not see new files in it.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
