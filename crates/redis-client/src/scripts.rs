//! Scripts: each is one move, which happens as a whole or not at all.

/// A struct with one [`redis::Script`] for each line, and its `new`. The script `name` is made of the files named at the
/// head and `scripts/name.lua`, beside the file that calls the macro. Redis is sent a script's digest, and its text only
/// when it does not know it (after a restart).
///
/// What a script may do is said once, here:
/// * `reads`: it writes nothing.
/// * `writes`: it is refused before it begins when Redis is out of memory, so nothing is ever half written.
/// * `frees`: it also runs when Redis is out of memory, since it ends things, takes rights away, or hardly grows.
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
