//! Tells the linker where libtorch is: cargo does not pass the link arguments of dependencies on, so every
//! binary that uses it has to repeat them.

fn main() {
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    // A shipped binary finds its libraries beside itself.
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib");
    // Keeps libtorch among the needed libraries although no symbol of it is referenced directly.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
}
