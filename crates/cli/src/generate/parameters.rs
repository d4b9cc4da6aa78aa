//! Command-line options for the parameters of a request, one for each row of [`domain::PARAMETERS`].

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use domain::{MeshFormat, PARAMETERS, ParameterInfo, ParameterKind, Parameters};
use serde_json::Value;

/// The parameters that were given. Absent ones are the model's own choice.
#[derive(Debug, Clone, Default)]
pub struct ParameterOptions {
    parameters: Parameters,
}

impl ParameterOptions {
    /// The format that was asked for.
    pub(super) fn format(&self) -> Option<MeshFormat> {
        self.parameters.format
    }

    /// The parameters of a job whose mesh is written in `format`.
    pub(super) fn with_format(&self, format: MeshFormat) -> Parameters {
        Parameters { format: Some(format), ..self.parameters.clone() }
    }
}

impl FromArgMatches for ParameterOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = Self::default();
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for info in PARAMETERS {
            if let Some(value) = matches.get_one::<Value>(info.name) {
                // Values were checked when they were parsed.
                let _ = self.parameters.set(info.name, value);
            }
        }
        Ok(())
    }
}

impl Args for ParameterOptions {
    fn augment_args(command: Command) -> Command {
        let command = command.next_help_heading("Parameters");
        PARAMETERS.iter().fold(command, |command, info| command.arg(argument(info))).next_help_heading(None)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The option of one parameter.
fn argument(info: &'static ParameterInfo) -> Arg {
    let value_name = match info.kind {
        ParameterKind::Integer { .. } => "N",
        ParameterKind::Number { .. } => "NUMBER",
        ParameterKind::Choice(_) => "NAME",
    };
    // clap wants names that live as long as the program; the table has a few.
    let long: &'static str = info.name.replace('_', "-").leak();
    let help = format!("{} [{}]", info.doc.trim(), info.kind.expected());
    Arg::new(info.name)
        .long(long)
        .value_name(value_name)
        .help(help)
        // A negative number is a value that is out of range, not an unknown option.
        .allow_negative_numbers(true)
        .value_parser(move |text: &str| check(info, text))
}

/// The value of a text.
fn check(info: &ParameterInfo, text: &str) -> Result<Value, String> {
    let expected = || format!("must be {}", info.kind.expected());
    let value = info.from_text(text);
    let is_valid = !value.is_null() && Parameters::default().set(info.name, &value).is_ok();
    if is_valid { Ok(value) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: ParameterOptions,
    }

    fn parse(arguments: &[&str]) -> Result<Parameters, String> {
        let line = Line::try_parse_from(["test"].iter().chain(arguments));
        line.map(|line| line.options.parameters).map_err(|error| error.to_string())
    }

    #[test]
    fn every_parameter_of_the_table_is_an_option() {
        for info in PARAMETERS {
            let option = format!("--{}", info.name.replace('_', "-"));
            let value = match info.kind {
                ParameterKind::Integer { max, .. } => max.to_string(),
                ParameterKind::Number { max, .. } => max.to_string(),
                ParameterKind::Choice(names) => names[0].to_uppercase(),
            };
            assert_ne!(parse(&[&option, &value]).unwrap(), Parameters::default(), "{option} {value}");
            for wrong in ["", "-1", "x", "1e99"] {
                let error = parse(&[&option, wrong]).unwrap_err();
                assert!(error.contains(&info.kind.expected()), "{option} {wrong}: {error}");
                assert!(!error.contains("use '--"), "{option} {wrong}: {error}");
            }
        }
        assert_eq!(parse(&[]).unwrap(), Parameters::default());
    }
}
