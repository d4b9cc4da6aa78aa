//! Lua scripts: each runs as a whole or not at all.

/// A struct with one [`redis::Script`] for each line, and its `new`. The script `name` is the concatenation of the
/// files in brackets and `scripts/name.lua`, relative to the file that calls the macro. Redis receives the digest of a
/// script, and its text only when it does not know the digest (after a restart).
///
/// The word after the name declares what the script may do:
/// * `reads`: it writes nothing.
/// * `writes`: Redis refuses it before it begins when memory is short, so that nothing is written in part.
/// * `frees`: it also runs when memory is short, because it ends jobs, revokes rights, or hardly grows the data.
///
/// ```text
/// redis_client::scripts! {
///     /// All scripts.
///     pub(crate) struct Scripts of ["prelude.lua"] {
///         add: writes,
///         find: reads,
///         revoke: frees,
///     }
/// }
/// ```
#[macro_export]
macro_rules! scripts {
    ($(#[$doc:meta])* $vis:vis struct $Scripts:ident of $prelude:tt { $($name:ident: $may:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug)]
        $vis struct $Scripts { $($vis $name: $crate::Script),* }

        impl $Scripts {
            $vis fn new() -> Self {
                Self { $($name: $crate::script!($may $prelude $name)),* }
            }
        }
    };
}

/// One script of [`scripts!`].
#[doc(hidden)]
#[macro_export]
macro_rules! script {
    (reads $prelude:tt $name:ident) => { $crate::script!(" flags=no-writes,allow-oom", $prelude, $name) };
    (writes $prelude:tt $name:ident) => { $crate::script!("", $prelude, $name) };
    (frees $prelude:tt $name:ident) => { $crate::script!(" flags=allow-oom", $prelude, $name) };
    ($flags:literal, [$($prelude:literal),*], $name:ident) => {
        $crate::Script::new(concat!(
            "#!lua", $flags, "\n",
            $(include_str!(concat!("scripts/", $prelude)),)*
            include_str!(concat!("scripts/", stringify!($name), ".lua"))
        ))
    };
}
