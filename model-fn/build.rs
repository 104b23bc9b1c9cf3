//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // At a fixed address: 65,000 places need not be written at each start, and their list is not in the package.
    // docs/security.md says what that costs.
    println!("cargo:rustc-link-arg-bins=-no-pie");
}
