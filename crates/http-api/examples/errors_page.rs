//! Writes the page of errors to standard output: `cargo run -p http-api --example errors_page > docs/api/errors.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(http_api::errors_page().as_bytes())
}
