use indicatif::{ProgressBar, ProgressStyle};

/// A bar on the terminal for bytes; nothing where there is no terminal.
pub(super) fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = match total {
        Some(_) => "{msg}  {bar:30}  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{msg}  {bytes}, {bytes_per_sec}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("a constant that is sound. This is a bug."));
    bar.set_message(what.to_owned());
    bar
}

/// The same as what the library tells its progress to.
pub(super) fn follow(bar: &ProgressBar) -> impl FnMut(u64, u64) {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}
