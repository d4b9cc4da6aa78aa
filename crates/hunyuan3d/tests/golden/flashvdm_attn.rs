//! `flashvdm-attn`: attention to selected keys, alone.

use hunyuan3d::layers::scaled_dot_product_attention;
use hunyuan3d::volume::{SelectionRule, selective_attention};

use crate::case::Case;
use crate::compare::{Report, Tolerance};

const OUTPUT: Tolerance = Tolerance::abs(2e-5);

pub(crate) fn check(case: &Case, report: &mut Report) {
    let inputs: Vec<&str> = case.names().filter_map(|name| name.strip_suffix(".q")).collect();
    for input in inputs {
        let [q, k, v] = ["q", "k", "v"].map(|part| case.tensor(&format!("{input}.{part}")));
        report.tensor(case, &format!("{input}.plain"), &scaled_dot_product_attention(&q, &k, &v), OUTPUT);
        let coarse = selective_attention(&q, &k, &v, &[q.size()[2]], SelectionRule::Coarse);
        report.tensor(case, &format!("{input}.coarse"), &coarse.output, OUTPUT);

        let counts = Vec::<i64>::try_from(case.tensor(&format!("{input}.group_counts"))).unwrap();
        for (rule, name) in [(SelectionRule::Mean, "groups_mean"), (SelectionRule::Merge, "groups_merge")] {
            let attention = selective_attention(&q, &k, &v, &counts, rule);
            report.tensor(case, &format!("{input}.{name}"), &attention.output, OUTPUT);
            for (group, kept) in attention.kept[0].iter().enumerate() {
                if let Some(expected) = case.find(&format!("{input}.{name}.num_selected.{group}")) {
                    let expected = expected.int64_value(&[]);
                    report.holds(*kept == expected, || {
                        format!("{input}.{name}: group {group} keeps {kept} keys instead of {expected}")
                    });
                }
            }
        }
    }
}
