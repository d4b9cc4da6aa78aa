use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar for bytes; hidden where standard error is no terminal.
pub(super) fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = match total {
        Some(_) => "{msg}  {bar:30}  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{msg}  {bytes}, {bytes_per_sec}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is a valid constant. This is a bug."));
    bar.set_message(what.to_owned());
    bar
}

/// A callback for the library that moves the bar: bytes done, bytes in all.
pub(super) fn follow(bar: &ProgressBar) -> impl FnMut(u64, u64) {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}
