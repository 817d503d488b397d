use super::*;
use crate::plots::examples;

#[test]
fn all_surveys_are_drawn_without_one_text_on_another() {
    examples::check_all("energy", figures);
}
