//! Floating-point numbers in JSON, which knows neither NaN nor infinity.

/// Serializes a number that may be undefined: NaN and infinities become `null`, and `null` is read as NaN.
///
/// A result that failed verification may well be NaN; its record must still be written and read back.
pub mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `value`, or `null` when it is not finite.
    ///
    /// # Errors
    ///
    /// Whatever the serializer reports.
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's `with` passes references"
    )]
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.serialize_none()
        }
    }

    /// Reads a number, or NaN from `null`.
    ///
    /// # Errors
    ///
    /// Whatever the deserializer reports, for example that the value is not a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}
