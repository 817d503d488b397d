//! The schema of comparisons is the committed one, and what is written is read back.

use expect_test::expect_file;
use results::comparison::Comparison;

#[test]
fn the_committed_schema_is_the_code_s() {
    expect_file!["../comparison.schema.json"].assert_eq(&Comparison::json_schema());
}
